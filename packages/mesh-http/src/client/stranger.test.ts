import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, type MeshOptions, WatchSource } from '@zerohop/mesh-core'
import { afterEach, expect, test, vi } from 'vitest'
import { type TestingControl, testingControl } from '../testing-control.ts'
import { type MeshFetch, meshFetch } from './mesh-fetch.ts'

const ends: (() => unknown)[] = []
const ownFetch = globalThis.fetch

afterEach(async () => {
  globalThis.fetch = ownFetch
  for (const end of ends.splice(0).reverse()) await end()
})

const silence = { info: () => {}, warn: () => {}, error: () => {} }

interface Scene {
  readonly fetch: MeshFetch
  readonly control: TestingControl
  /** The URLs of what passed through to the platform. */
  readonly passed: string[]
}

async function scene(options: Partial<MeshOptions> = {}): Promise<Scene> {
  const control = await testingControl()
  const server = createServer((_, response) => response.end('stock')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  control.endpoints.set('inventory', [`127.0.0.1:${(server.address() as AddressInfo).port}`])
  const passed: string[] = []
  globalThis.fetch = async (input) => {
    passed.push(String(input))
    return new Response('elsewhere')
  }
  const mesh = createMesh({ service: 'cart', control: control.url, lastGood: false, log: silence, ...options })
  ends.push(
    () => control[Symbol.asyncDispose](),
    () => server.close().closeAllConnections(),
    () => mesh.close({ graceMs: 0 }),
  )
  return { fetch: meshFetch(mesh), control, passed }
}

test('a service that only the control API knows is found by its first call', async () => {
  const { fetch, control, passed } = await scene()
  expect(await (await fetch('http://inventory/items')).text()).toBe('stock')
  expect(passed).toEqual([])
  const { polls } = control
  expect(await (await fetch('http://inventory/items')).text()).toBe('stock')
  expect(control.polls - polls).toBeLessThan(2)
})

test('a host that no control API could know passes through without being asked about', async () => {
  const { fetch, control, passed } = await scene()
  for (const url of ['http://example.com/', 'https://inventory/', 'http://localhost:1/', 'http://10.0.0.1/']) await fetch(url)
  expect(passed).toHaveLength(4)
  expect(control.polls).toBe(0)
})

test('a name that the control API does not know passes through, or fails where only registered services may be called', async () => {
  const open = await scene()
  expect(await (await open.fetch('http://nowhere/')).text()).toBe('elsewhere')
  const closed = await scene({ outbound: 'registered-only' })
  const cause = {
    name: 'MeshError',
    code: 'NOT_REGISTERED',
    service: 'nowhere',
    message: expect.stringMatching(/^nowhere: .* knows no service of that name/),
  }
  await expect(closed.fetch('http://nowhere/')).rejects.toMatchObject({ message: 'fetch failed', cause })
  await expect(closed.fetch('http://nowhere/')).rejects.toMatchObject({ cause })
  for (const url of ['http://inventory/', 'http://inventory./']) expect(await (await closed.fetch(url)).text()).toBe('stock')
  expect(await (await closed.fetch('http://example.com/')).text()).toBe('elsewhere')
})

test("a call waits for a silent control API no longer than its own time, and leaves with its caller's signal", async () => {
  const { fetch, control, passed } = await scene()
  control.silent = true
  const startedAt = performance.now()
  await fetch('http://inventory/', { mesh: { timeout: '20ms' } })
  expect(performance.now() - startedAt).toBeLessThan(400)
  expect(passed).toHaveLength(1)
  const signal = AbortSignal.abort(new Error('left'))
  await expect(fetch('http://user/', { signal })).rejects.toThrow('left')
  expect(passed).toHaveLength(1)
})

test('where the defaults are strict, no byte goes in plaintext to a name that nobody knows: neither called nor by a redirect', async () => {
  const passed: string[] = []
  globalThis.fetch = async (input) => {
    passed.push(String(input))
    return new Response('elsewhere')
  }
  const server = createServer((_, response) => response.writeHead(307, { location: 'http://payment/charge' }).end()).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const endpoints = new WatchSource([{ address: `127.0.0.1:${(server.address() as AddressInfo).port}`, labels: {}, zone: '', weight: 1 }])
  const discovery = {
    name: 'test',
    watch: (name: string) => (name === 'old' ? endpoints : null),
    services: () => [],
    close: async () => {},
  }
  const policy = [{ access: { mtls: 'strict' } }, { service: 'old', access: { mtls: 'disabled' } }] as const
  const mesh = createMesh({ service: 'cart', log: silence, discovery, policy })
  ends.push(
    () => server.close().closeAllConnections(),
    () => mesh.close({ graceMs: 0 }),
  )
  const fetch = meshFetch(mesh)
  const cause = { name: 'MeshError', code: 'NOT_REGISTERED', service: 'payment' }
  for (const url of ['http://payment/charge', 'http://payment./charge', 'http://old/charge']) {
    const error = await fetch(url, { method: 'POST', body: '{"card":42}' }).catch((reason) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ message: 'fetch failed', cause })
  }
  expect(passed).toEqual([])
  const outside = ['http://api.example.com/', 'http://10.0.0.1/', 'http://localhost:1/', 'http://[::1]:1/', 'https://payment/']
  for (const url of outside) expect(await (await fetch(url)).text()).toBe('elsewhere')
  expect(passed).toEqual(outside)
})

test('a name that the control API does not know, or of which it cannot be asked, is not called in plaintext where the defaults are strict', async () => {
  const { fetch, control, passed } = await scene()
  control.defaults = { access: { mtls: 'strict' } }
  const cause = {
    code: 'NOT_REGISTERED',
    message: expect.stringMatching(/^nowhere: .* knows no service of that name, and `mtls: strict` holds/),
  }
  await expect(fetch('http://nowhere/')).rejects.toMatchObject({ message: 'fetch failed', cause })
  await control[Symbol.asyncDispose]()
  const unasked = { code: 'NOT_REGISTERED', message: expect.stringMatching(/^user: .* cannot be asked .*, and `mtls: strict` holds/) }
  await vi.waitFor(() => expect(fetch('http://user/')).rejects.toMatchObject({ cause: unasked }))
  expect(await (await fetch('http://example.com/')).text()).toBe('elsewhere')
  expect(passed).toEqual(['http://example.com/'])
})
