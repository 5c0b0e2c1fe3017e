/** Tests of how connections are shared, made, and let go of. */

import type { Socket } from 'node:net'
import { partsOf } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { httpWire } from './http-wire.ts'
import { caller, echo, rawUpstream, upstream } from './testing-upstream.ts'

const tick = () => new Promise((resolve) => setImmediate(resolve))

async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 2000 && !holds(); n++) await tick()
  expect(holds()).toBe(true)
}

describe('connections', () => {
  test('no more are made than the policy lets, and calls that wait are served in their order', async () => {
    const held: (() => void)[] = []
    const order: string[] = []
    await using server = await upstream((request, response) => {
      order.push(request.url as string)
      held.push(() => response.end('ok'))
    })
    await using shop = await caller({ inventory: [server.address] }, { connections: { max: 2 } })
    const calls = [1, 2, 3, 4].map((n) => shop.fetch(`http://inventory/${n}`).then((response) => response.text()))
    await until(() => held.length === 2)
    expect(server.connections).toBe(2)
    held[0]?.()
    await until(() => held.length === 3)
    held[1]?.()
    await until(() => held.length === 4)
    for (const release of held.slice(2)) release()
    expect(await Promise.all(calls)).toEqual(['ok', 'ok', 'ok', 'ok'])
    expect(server.connections).toBe(2)
    expect(order.slice(2)).toEqual(['/3', '/4'])
  })

  test('a call that is cancelled while it waits leaves the line, and the next one is served', async () => {
    let release: (() => void) | undefined
    const seen: string[] = []
    await using server = await upstream((request, response) => {
      seen.push(request.url as string)
      if (release === undefined) release = () => response.end('first')
      else response.end('later')
    })
    await using shop = await caller({ inventory: [server.address] }, { connections: { max: 1 } })
    const first = shop.fetch('http://inventory/1')
    await until(() => release !== undefined)
    const controller = new AbortController()
    const second = shop.fetch('http://inventory/2', { signal: controller.signal })
    const third = shop.fetch('http://inventory/3')
    await tick()
    controller.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    release?.()
    expect(await (await first).text()).toBe('first')
    expect(await (await third).text()).toBe('later')
    expect(seen).toEqual(['/1', '/3'])
    expect(server.connections).toBe(1)
  })

  test('a connection whose call was cut off is not used again', async () => {
    let answers = 0
    await using server = await upstream((_request, response) => {
      if (answers++ > 0) response.end('ok')
    })
    await using shop = await caller({ inventory: [server.address] }, { connections: { max: 1 } })
    await expect(shop.fetch('http://inventory/1', { mesh: { timeout: 40 } })).rejects.toMatchObject({ cause: { code: 'EXPIRED' } })
    expect(await (await shop.fetch('http://inventory/2')).text()).toBe('ok')
    expect(server.connections).toBe(2)
  })

  test('an answer that nobody reads gives its connection back when the response is thrown away', async () => {
    await using server = await upstream((request, response) => {
      if (request.url === '/busy') response.writeHead(503).end('x'.repeat(1000))
      else response.end('ok')
    })
    await using shop = await caller(
      { inventory: [server.address] },
      { connections: { max: 1 }, retry: { attempts: 3, backoff: { base: 0 } } },
    )
    expect((await shop.fetch('http://inventory/busy')).status).toBe(503)
    expect(await (await shop.fetch('http://inventory/a')).text()).toBe('ok')
    expect(server.connections).toBe(1)
  })

  test('a discarded answer that is long costs its connection instead of the time to read it', async () => {
    let asked = 0
    await using server = await upstream((_request, response) => {
      if (asked++ > 0) response.end('ok')
      else response.writeHead(503, { 'content-length': 10_000_000 }).write(Buffer.alloc(1000))
    })
    await using shop = await caller({ inventory: [server.address] }, { retry: { attempts: 2, backoff: { base: 0 } } })
    expect(await (await shop.fetch('http://inventory/a')).text()).toBe('ok')
    expect(server.connections).toBe(2)
  })

  test('a discarded answer that does not end is cut off, its length stated or not', async () => {
    let closed = 0
    await using server = await upstream((request, response) => {
      const { socket } = request
      socket.on('close', () => closed++)
      response.writeHead(503)
      const more = () => {
        while (!socket.destroyed && response.write(Buffer.alloc(16_384)));
        if (!socket.destroyed) response.once('drain', more)
      }
      more()
    })
    await using other = await upstream((_request, response) => void response.end('ok'))
    const policy = { retry: { attempts: 2, backoff: { base: 0 } }, balance: 'round-robin' }
    await using shop = await caller({ inventory: [server.address, other.address] }, policy)
    const startedAt = performance.now()
    for (let n = 0; n < 2; n++) expect(await (await shop.fetch('http://inventory/a')).text()).toBe('ok')
    // Within the second that a slow rest would be waited for: it is too long at once.
    await until(() => closed > 0)
    expect(performance.now() - startedAt).toBeLessThan(800)
  })

  test('an address that does not answer is given up after the time to connect', async () => {
    // A network for documentation: packets to it go nowhere.
    await using shop = await caller({ inventory: ['192.0.2.1:80'] }, { connections: { connectTimeout: 60 } })
    const startedAt = performance.now()
    await expect(shop.fetch('http://inventory/a')).rejects.toMatchObject({ cause: { code: 'UNREACHED' } })
    expect(performance.now() - startedAt).toBeLessThan(2000)
    expect(partsOf(shop.mesh).wheel.armed).toBe(0)
  })

  test('an answer that comes before the request was sent whole is an answer', async () => {
    await using server = await upstream((_request, response) => void response.writeHead(413).end('too much'))
    await using shop = await caller({ inventory: [server.address] })
    let stopped = false
    async function* body() {
      try {
        for (;;) {
          yield Buffer.alloc(1000)
          await tick()
        }
      } finally {
        stopped = true
      }
    }
    const response = await shop.fetch('http://inventory/a', { method: 'POST', body: body(), duplex: 'half' })
    expect([response.status, await response.text()]).toEqual([413, 'too much'])
    await until(() => stopped)
  })

  test('a server that keeps an idle connection for a second is never asked over an old one', async () => {
    await using server = await rawUpstream((socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok')),
    )
    await using shop = await caller({ inventory: [server.address] })
    for (let n = 0; n < 2; n++) await (await shop.fetch('http://inventory/a')).text()
    expect(server.connections).toBe(2)
  })

  test('they go with their endpoint: the idle ones at once, those in use when they are done', async () => {
    let release: (() => void) | undefined
    let open = 0
    await using old = await upstream((request, response) => {
      if (request.url === '/slow') release = () => response.end('slow')
      else response.end('ok')
    })
    old.server.on('connection', (socket: Socket) => {
      open++
      socket.on('close', () => open--)
    })
    await using fresh = await upstream((_request, response) => void response.end('fresh'))
    await using shop = await caller({ inventory: [old.address] })
    const table = httpWire(partsOf(shop.mesh)).connections
    const slow = shop.fetch('http://inventory/slow')
    await until(() => release !== undefined)
    await (await shop.fetch('http://inventory/a')).text()
    expect([open, table.size]).toEqual([2, 1])
    shop.move('inventory', [fresh.address])
    await until(() => open === 1)
    expect(table.size).toBe(0)
    expect(await (await shop.fetch('http://inventory/a')).text()).toBe('fresh')
    release?.()
    expect(await (await slow).text()).toBe('slow')
    await until(() => open === 0)
    expect(table.size).toBe(1)
  })

  test('they end with the mesh, which then refuses', async () => {
    await using server = await upstream(echo)
    const shop = await caller({ inventory: [server.address] })
    await (await shop.fetch('http://inventory/a')).text()
    const table = httpWire(partsOf(shop.mesh)).connections
    expect(table.size).toBe(1)
    await shop.mesh.close({ graceMs: 0 })
    expect(table.size).toBe(0)
    expect(partsOf(shop.mesh).wheel.armed).toBe(0)
    const error = await shop.fetch('http://inventory/a').catch((reason) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(error.cause.code).toBe('MESH_CLOSED')
  })

  test('a call that loses its connection to the end of the mesh makes no new one while something else still closes', async () => {
    let requests = 0
    await using server = await upstream(() => {
      requests++
    })
    const shop = await caller({ inventory: [server.address] }, { retry: { backoff: { base: 0, cap: 0 } } })
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    partsOf(shop.mesh).closeWith({ close: () => released }, 'client')
    const call = shop.fetch('http://inventory/a').catch((reason) => reason.cause)
    await until(() => requests === 1)
    const closed = shop.mesh.close({ graceMs: 0 })
    expect(await call).toMatchObject({ code: 'MESH_CLOSED', attempts: [{ verdict: 'broken' }, { verdict: 'refused' }] })
    release()
    await closed
    expect(requests).toBe(1)
  })

  test('an address to which node will not even try to connect is unreached, and costs no place', async () => {
    await using shop = await caller({ inventory: ['a\0b:80'] })
    const error = await shop.fetch('http://inventory/').catch((error) => error.cause)
    expect([error.code, error.endpoint]).toEqual(['UNREACHED', 'a\0b:80'])
    expect(shop.mesh.explain('inventory').services[0]).toMatchObject({ now: { inFlight: 0 }, endpoints: [{ inFlight: 0 }] })
  })
})
