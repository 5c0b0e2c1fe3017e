import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMesh, type Mesh, type MeshOptions } from '@zerohop/mesh-core'
import { afterAll, afterEach, expect, test } from 'vitest'
import { serveHttp } from './server/http-server.ts'
import { type Answer, ask } from './server/server-under-test.ts'
import { testingControl } from './testing-control.ts'

const silence = { info: () => {}, warn: () => {}, error: () => {} }
const directory = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
const meshes: Mesh[] = []
afterEach(async () => {
  await Promise.all(meshes.splice(0).map((mesh) => mesh.close({ graceMs: 0 })))
})
afterAll(() => rmSync(directory, { recursive: true }))

/** A server of `cart` that lets nobody in without a policy, and what it and its readiness page answer. */
async function served(options: Partial<MeshOptions>) {
  const mesh = createMesh({ service: 'cart', withoutPolicy: 'refuse', log: silence, ...options })
  meshes.push(mesh)
  const { address } = await serveHttp(mesh, (_, response) => response.end('ok'), { port: 0, host: '127.0.0.1', signals: false })
  const answers = async (): Promise<readonly [Answer, Answer]> => [await ask(`http://${address}/`), await ask(`http://${address}/readyz`)]
  const whole = async (): Promise<readonly (number | undefined)[]> => (await answers()).map(({ status }) => status)
  return { mesh, answers, whole }
}

test('a server that is to have a policy sends callers elsewhere until the first document comes, after the start too', async () => {
  let isThere = false
  const document = { version: 'test.1', schema: 2, revision: 0, sections: {}, policies: {}, endpoints: {} }
  const control = createServer((_, response) => (isThere ? response.end(JSON.stringify(document)) : response.writeHead(503).end()))
  await once(control.listen(0, '127.0.0.1'), 'listening')
  const { port } = control.address() as AddressInfo
  try {
    const { mesh, answers, whole } = await served({ control: `http://127.0.0.1:${port}`, lastGood: false })
    await mesh.ready()
    const [answer, page] = await answers()
    expect([answer.status, answer.headers['zerohop-refused'], JSON.parse(answer.body)]).toEqual([
      503,
      'policy',
      { error: 'NO_POLICY', message: 'cart: the service has no policy yet, and is not to be called without one' },
    ])
    const why = `http://127.0.0.1:${port}: the answer is 503`
    expect([page.status, page.body]).toEqual([
      503,
      `there is no policy yet, and nobody is let in without one (withoutPolicy: 'refuse'): ${why}\n`,
    ])
    isThere = true
    await expect.poll(whole, { timeout: 4000 }).toEqual([200, 200])
  } finally {
    control.close().closeAllConnections()
  }
}, 15_000)

test('the last good document is a policy, whatever has become of the control API', async () => {
  const lastGood = join(directory, 'kept')
  {
    await using control = await testingControl()
    const { mesh } = await served({ control: control.url, lastGood })
    await mesh.ready()
    await mesh.close({ graceMs: 0 })
  }
  const again = await served({ control: 'http://127.0.0.1:9', lastGood })
  expect(await again.whole()).toEqual([200, 200])
})

test('a file that cannot be read is no policy, and the reason is told', async () => {
  const policy = join(directory, 'policy.yaml')
  const { answers, whole } = await served({ policy })
  const [answer, page] = await answers()
  expect([answer.status, page.status]).toEqual([503, 503])
  expect(page.body).toMatch(/policy\.yaml: cannot be read: ENOENT/)
  writeFileSync(policy, 'service: cart\ntimeout: soon\n')
  await expect.poll(async () => (await answers())[1].body, { timeout: 5000 }).toMatch(/policy\.yaml:.*timeout/)
  writeFileSync(policy, 'service: cart\ntimeout: 5s\n')
  await expect.poll(whole, { timeout: 5000 }).toEqual([200, 200])
  writeFileSync(policy, 'service: cart\ntimeout: soon again\n')
  await expect.poll(async () => (await answers())[0].status).toBe(200)
})

test('by default a server begins with the built-in policy', async () => {
  const { mesh, whole } = await served({ control: 'http://127.0.0.1:9', lastGood: false, withoutPolicy: 'serve' })
  await mesh.ready()
  expect(await whole()).toEqual([200, 200])
})
