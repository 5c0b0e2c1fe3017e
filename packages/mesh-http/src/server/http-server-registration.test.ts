import { createMesh } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { testingControl } from '../testing-control.ts'
import { serveHttp } from './http-server.ts'

const silence = { info: () => {}, warn: () => {}, error: () => {} }

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}

test('a server is listed when it listens, with its labels, and taken off before it turns anybody away', async () => {
  await using control = await testingControl()
  await using mesh = createMesh({ service: 'cart', instance: 'cart-1', control: control.url, lastGood: false, log: silence })
  const server = await serveHttp(mesh, (_, response) => response.end('ok'), {
    port: 0,
    host: '127.0.0.1',
    version: 'v2',
    labels: { tier: 'gold' },
    zone: 'a',
    weight: 5,
    signals: false,
  })
  await mesh.ready()
  await until(() => control.leases.length > 0)
  expect(control.leases).toEqual([
    {
      method: 'PUT',
      path: '/v1/instances/cart/cart-1',
      body: { address: server.address, labels: { tier: 'gold', version: 'v2' }, zone: 'a', weight: 5, healthy: true },
    },
  ])
  const seen: number[] = []
  const ready = async (): Promise<number> => (await fetch(`http://${server.address}/readyz`)).status
  control.beforeRelease = async () => {
    seen.push(await ready())
  }
  const closed = server.close({ graceMs: 400 })
  await until(() => control.leases.length > 1)
  seen.push(await ready())
  await closed
  expect(control.leases.at(-1)).toEqual({ method: 'DELETE', path: '/v1/instances/cart/cart-1', body: null })
  expect(seen).toEqual([200, 503])
})

test('a server whose control API is away serves, is unready for two seconds at most, and stops without waiting for it', async () => {
  const mesh = createMesh({ service: 'cart', control: 'http://127.0.0.1:9', lastGood: false, log: silence })
  const server = await serveHttp(mesh, (_, response) => response.end('ok'), { port: 0, host: '127.0.0.1', signals: false })
  expect(await (await fetch(`http://${server.address}/`)).text()).toBe('ok')
  await mesh.ready()
  expect((await fetch(`http://${server.address}/readyz`)).status).toBe(200)
  const startedAt = performance.now()
  await mesh.close({ graceMs: 100 })
  expect(performance.now() - startedAt).toBeLessThan(1900)
})

test('what a server says of itself is checked with its other options', async () => {
  await using mesh = createMesh({ service: 'cart', log: silence })
  const options = { port: 0, weight: -1, zone: '', labels: { version: 'v1', x: 1 }, version: 'v2', advertise: 'http://x', sone: 'a' }
  await expect(serveHttp(mesh, () => {}, options as never)).rejects.toThrow(
    /weight: expected a number.*zone: expected a text.*labels: expected a map of texts.*advertise: expected a host.*unknown option `sone`: did you mean `zone`\?.*version: differs/,
  )
})
