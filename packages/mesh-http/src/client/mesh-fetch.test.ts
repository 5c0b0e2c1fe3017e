/** Tests of the door against real servers, and against the platform's fetch. */
import { getEventListeners } from 'node:events'
import { gzipSync } from 'node:zlib'
import { MeshError } from '@zerohop/mesh-core'
import { describe, expect, test } from 'vitest'
import { caller, echo, rawUpstream, upstream } from './testing-upstream.ts'

describe('meshFetch', () => {
  test('a request to a known host goes to one of its endpoints, with the host of its URL', async () => {
    await using server = await upstream(echo)
    await using shop = await caller({ inventory: [server.address] })
    const response = await shop.fetch('http://inventory:9999/items/42?x=1')
    expect(response.status).toBe(200)
    expect(response).toBeInstanceOf(Response)
    const seen = (await response.json()) as { url: string; headers: Record<string, string> }
    expect(seen.url).toBe('/items/42?x=1')
    expect(seen.headers['host']).toBe('inventory:9999')
    expect(Number(seen.headers['zerohop-timeout'])).toBeGreaterThan(4000)
    expect(seen.headers['zerohop-attempt']).toBeUndefined()
    expect(seen.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]$/)
  })

  test('a host that the mesh does not know passes through', async () => {
    await using server = await upstream(echo)
    await using shop = await caller({ inventory: ['127.0.0.1:1'] })
    const seen = (await (await shop.fetch(`http://${server.address}/x`)).json()) as { headers: Record<string, string> }
    expect(seen.headers['zerohop-timeout']).toBeUndefined()
  })

  test('an https URL of a known host is never sent in the clear: it passes through to a TLS of its own', async () => {
    await using server = await upstream(echo)
    await using shop = await caller({ inventory: [server.address] })
    const error = await shop.fetch(`https://inventory:${server.address.split(':')[1]}/x`).catch((reason) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(MeshError.is(error.cause)).toBe(false)
    expect(server.connections).toBe(0)
  })

  test('one connection serves calls that follow each other', async () => {
    await using server = await upstream(echo)
    await using shop = await caller({ inventory: [server.address] })
    for (let n = 0; n < 5; n++) await (await shop.fetch('http://inventory/a', { method: n % 2 ? 'DELETE' : 'GET' })).text()
    expect(server.connections).toBe(1)
  })

  test('nobody listens: the call was never on the wire', async () => {
    await using shop = await caller({ inventory: ['127.0.0.1:1'] })
    const error = await shop.fetch('http://inventory/a').catch((reason) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe('fetch failed')
    expect(MeshError.is(error.cause)).toBe(true)
    expect(error.cause).toMatchObject({ code: 'UNREACHED', verdict: 'unreached', service: 'inventory', endpoint: '127.0.0.1:1' })
    expect(error.cause.message).toContain('ECONNREFUSED')
  })

  test('an aborted call rejects with the reason of its signal, and its listener is gone', async () => {
    await using server = await upstream(() => {})
    await using shop = await caller({ inventory: [server.address] })
    const controller = new AbortController()
    const reason = new Error('enough')
    const call = shop.fetch('http://inventory/a', { signal: controller.signal })
    setImmediate(() => controller.abort(reason))
    await expect(call).rejects.toBe(reason)
    await expect(shop.fetch('http://inventory/a', { signal: controller.signal })).rejects.toBe(reason)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  test('a long-lived signal is listened to until the last byte of each answer, and no longer', async () => {
    let finish: (() => void) | undefined
    await using server = await upstream((_request, response) => {
      response.write('begun')
      finish = () => response.end()
    })
    await using shop = await caller({ inventory: [server.address] })
    const { signal } = new AbortController()
    const response = await shop.fetch('http://inventory/a', { signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    finish?.()
    expect(await response.text()).toBe('begun')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('an abort within the body ends its reading with the reason of the signal', async () => {
    await using server = await upstream((_request, response) => void response.write('begun'))
    await using shop = await caller({ inventory: [server.address] })
    const controller = new AbortController()
    const response = await shop.fetch('http://inventory/a', { signal: controller.signal })
    const reading = response.text()
    controller.abort()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('a body that is slower than the deadline breaks off', async () => {
    await using server = await upstream((_request, response) => void response.write('begun'))
    await using shop = await caller({ inventory: [server.address] })
    const response = await shop.fetch('http://inventory/a', { mesh: { timeout: 60 } })
    const error = await response.text().catch((reason) => reason)
    expect(error).toMatchObject({ name: 'TypeError', message: 'terminated', cause: { code: 'EXPIRED' } })
  })

  test.each([
    ['nothing at all', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ])('a server that sends %s and closes has broken the call', async (_what, bytes) => {
    await using server = await rawUpstream((socket) => socket.once('data', () => socket.end(bytes)))
    await using shop = await caller({ inventory: [server.address] })
    const error = await shop.fetch('http://inventory/a').catch((reason) => reason)
    expect(error.cause).toMatchObject({ code: 'BROKEN', verdict: 'broken' })
  })

  test.each([
    ['is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['has a huge head', `HTTP/1.1 200 OK\r\nx-huge: ${'x'.repeat(70_000)}\r\n\r\n`],
  ])('an answer that %s is told as such', async (_what, bytes) => {
    await using server = await rawUpstream((socket) => socket.once('data', () => socket.end(bytes)))
    await using shop = await caller({ inventory: [server.address] })
    const error = await shop.fetch('http://inventory/a').catch((reason) => reason)
    expect(error.cause).toMatchObject({ code: 'BAD_REPLY', verdict: 'broken' })
  })

  test('a server that closes within the body breaks it off', async () => {
    await using server = await rawUpstream((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')),
    )
    await using shop = await caller({ inventory: [server.address] })
    const response = await shop.fetch('http://inventory/a')
    await expect(response.text()).rejects.toMatchObject({ message: 'terminated', cause: { verdict: 'broken' } })
  })

  test('early hints commit nothing, and the answer follows', async () => {
    await using server = await rawUpstream((socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
      ),
    )
    await using shop = await caller({ inventory: [server.address] })
    const response = await shop.fetch('http://inventory/a')
    expect([response.status, response.headers.get('link'), await response.text()]).toEqual([200, null, 'ok'])
  })

  test('a connection that the server closed between two calls costs nobody an error', async () => {
    await using server = await rawUpstream((socket, nth) => {
      let requests = 0
      socket.on('data', () => {
        // The first connection answers once, and dies of the second request: what a server does whose idle time ran out just then.
        if (nth === 0 && ++requests === 2) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    await using shop = await caller({ inventory: [server.address] })
    expect(await (await shop.fetch('http://inventory/a')).text()).toBe('ok')
    expect(await (await shop.fetch('http://inventory/a')).text()).toBe('ok')
    expect(server.connections).toBe(2)
  })

  test('a POST is not repeated after its bytes went out on a connection that died', async () => {
    let posts = 0
    await using server = await rawUpstream((socket) => {
      socket.on('data', (bytes) => {
        if (bytes.toString('latin1').startsWith('POST') && ++posts === 2) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    await using shop = await caller({ inventory: [server.address] }, { retry: { attempts: 3 } })
    const post = () => shop.fetch('http://inventory/a', { method: 'POST' })
    await (await post()).text()
    await expect(post()).rejects.toMatchObject({ cause: { verdict: 'broken' } })
    expect(posts).toBe(2)
  })

  test('who cancels an answer in gzip before reading it frees its connection', async () => {
    const gone = Promise.withResolvers<void>()
    await using server = await upstream((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).write('some')
      response.once('close', () => gone.resolve())
    })
    await using shop = await caller({ inventory: [server.address] }, { timeout: '1h' })
    await (await shop.fetch('http://inventory/')).body?.cancel()
    await gone.promise
    expect(await shop.mesh.metrics()).toMatch(/calls_in_flight\{service="inventory"\} 0/)
  })

  test('an answer in gzip reads as what it says', async () => {
    await using server = await upstream((_request, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync('{"stock":3}'))
    })
    await using shop = await caller({ inventory: [server.address] })
    expect(await (await shop.fetch('http://inventory/a')).json()).toEqual({ stock: 3 })
  })

  test('a reader that is slow holds the server back', async () => {
    let written = 0
    await using server = await upstream((_request, response) => {
      const more = () => {
        while (written < 64 * 1024 * 1024) {
          written += 65_536
          if (!response.write(Buffer.alloc(65_536))) {
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    })
    await using shop = await caller({ inventory: [server.address] })
    const response = await shop.fetch('http://inventory/a')
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(written).toBeLessThan(32 * 1024 * 1024)
    expect((await response.arrayBuffer()).byteLength).toBe(64 * 1024 * 1024)
  })
})
