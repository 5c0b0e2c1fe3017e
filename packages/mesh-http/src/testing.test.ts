import { once } from 'node:events'
import { testAuthority, testMesh } from '@zerohop/mesh-core/testing'
import { describe, expect, it } from 'vitest'
import { meshFetch } from './client/mesh-fetch.ts'
import { serveHttp } from './server/http-server.ts'
import { httpWire, reply } from './testing.ts'

const policy = { service: 'inventory', retry: { backoff: { base: '1ms', cap: '1ms' } } }

describe.each([
  ['direct', {}],
  ['wire', { wire: httpWire }],
  ['wire with mutual TLS', { wire: httpWire, authority: testAuthority() }],
] as const)('a test mesh in fidelity %s', (fidelity, more) => {
  it('tries again on the other instance', async () => {
    await using t = testMesh({ seed: 1, policy, ...more })
    const inventory = t.service('inventory', { instances: 2 }, (_, n) => (n === 0 ? reply(503) : reply.json({ stock: 3 })))
    const asked = meshFetch(t.mesh)('http://inventory/items/42')
    await t.clock.advance('50ms')
    const response = await asked
    expect(await response.json()).toEqual({ stock: 3 })
    expect(inventory.calls).toHaveLength(2)
    expect(new Set(inventory.calls.map((call) => call.address)).size).toBe(2)
    expect(inventory.calls[0]?.request.url).toBe('http://inventory/items/42')
  })

  it('hands method, headers and body to the script', async () => {
    await using t = testMesh({ ...more })
    t.service('inventory', {}, async (request) => reply.json([request.method, request.headers.get('x-user'), await request.text()]))
    const asked = meshFetch(t.mesh)('http://inventory/items', { method: 'POST', headers: { 'x-user': '7' }, body: 'two of them' })
    await t.clock.advance('20ms')
    expect(await (await asked).json()).toEqual(['POST', '7', 'two of them'])
  })

  it('plays a body in pieces, and a Response as well', async () => {
    await using t = testMesh({ ...more })
    t.service('inventory', {}, (_, n) =>
      n === 0 ? reply.stream('a', 5, 'b') : new Response('c', { status: 201, headers: { 'x-own': '1' } }),
    )
    const fetch = meshFetch(t.mesh)
    const streamed = fetch('http://inventory/').then((response) => response.text())
    await t.clock.advance('30ms')
    expect(await streamed).toBe('ab')
    const whole = fetch('http://inventory/')
    await t.clock.advance('30ms')
    const response = await whole
    expect([response.status, response.headers.get('x-own'), await response.text()]).toEqual([201, '1', 'c'])
  })

  it('loses the connection where the script says so', async () => {
    await using t = testMesh({ policy: { service: 'inventory', retry: { attempts: 1 } }, ...more })
    t.service('inventory', {}, (_, n) => reply.broken({ at: n === 0 ? 'head' : 'body' }))
    const fetch = meshFetch(t.mesh)
    const [head] = await Promise.all([fetch('http://inventory/').catch((error) => error.cause.code), t.clock.advance('20ms')])
    expect(head).toBe('BROKEN')
    const reading = fetch('http://inventory/').then((response) => response.text())
    const [body] = await Promise.all([
      reading.then(
        () => 'whole',
        () => 'cut',
      ),
      t.clock.advance('20ms'),
    ])
    expect(body).toBe('cut')
  })

  it('runs into its deadline where nobody answers', async () => {
    await using t = testMesh({ policy: { service: 'inventory', timeout: '40ms' }, ...more })
    const inventory = t.service('inventory', {}, () => reply.never())
    const [code] = await Promise.all([meshFetch(t.mesh)('http://inventory/').catch((error) => error.cause.code), t.clock.advance('60ms')])
    expect(code).toBe('EXPIRED')
    expect(inventory.calls).toHaveLength(1)
  })

  it('knows a killed instance only by trying it', async () => {
    await using t = testMesh({ policy, ...more })
    const inventory = t.service('inventory', { instances: 2 }, () => reply(200))
    inventory.instances[0]?.kill()
    const fetch = meshFetch(t.mesh)
    for (let n = 0; n < 4; n++) {
      const [response] = await Promise.all([fetch('http://inventory/', { method: 'POST' }), t.clock.advance('20ms')])
      expect(response.status).toBe(200)
    }
    expect(new Set(inventory.calls.map((call) => call.address))).toEqual(new Set([inventory.instances[1]?.address]))
    expect(fidelity).toBeDefined()
  })
})

describe('without a port', () => {
  it('a server listens in the network of a test, and leaves it as it would leave a port', async () => {
    await using t = testMesh({ wire: httpWire, service: 'cart' })
    const [server, other] = await Promise.all([
      serveHttp(t.mesh, (_, response) => response.end('cart'), { port: 0, signals: false }),
      serveHttp(t.mesh, (_, response) => response.end('other'), { port: 0, signals: false }),
    ])
    expect(server.address).not.toBe(other.address)
    const socket = t.network.connect(server.address)
    socket.write('GET / HTTP/1.1\r\nhost: cart\r\n\r\n')
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 200 [\s\S]*cart$/)
    const closed = server.close({ graceMs: 40 })
    await new Promise((resolve) => socket.once('close', resolve).on('error', () => {}))
    await closed
    expect(() => t.network.connect(server.address)).toThrow('nobody listens')
  })
})

it('a test mesh with an authority calls services that take mutual TLS only, and one without has nothing to show', async () => {
  const strict = { service: 'inventory', access: { mtls: 'strict' }, retry: { attempts: 1 } }
  for (const [more, expected] of [
    [{ authority: testAuthority() }, 200],
    [{}, 'NO_IDENTITY'],
  ] as const) {
    await using t = testMesh({ wire: httpWire, policy: strict, ...more })
    t.service('inventory', {}, () => reply(200))
    const answer = await meshFetch(t.mesh)('http://inventory/').then(
      ({ status }) => status,
      ({ cause }) => cause.code,
    )
    expect(answer).toBe(expected)
  }
  expect(() => testMesh({ authority: testAuthority() })).toThrow('give it a wire, too')
})
