import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, connect, raw, ServersUnderTest } from './server-under-test.ts'

const servers = new ServersUnderTest()
const serve = servers.serve
afterEach(() => servers.close())

describe('a request to leave HTTP', () => {
  it('serves a request that asks to leave HTTP like any other, and refuses CONNECT', async () => {
    const { server } = await serve((_, response) => response.end('plain'))
    const upgrade = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n'
    expect(await raw(server, upgrade)).toMatch(/^HTTP\/1.1 200 OK[\s\S]*plain/)
    expect(await raw(server, 'CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /)
  })

  it('cuts a caller who was refused and never ends its side', async () => {
    const { server, url } = await serve((_, response) => response.end(), {
      policy: { rateLimit: { inbound: { perSecond: 0.001, burst: 1 } } },
      upgrade: (_, socket) => socket.destroy(),
    })
    await ask(url)
    const upgrade = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'
    for (const request of [upgrade, 'CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n']) {
      const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {})
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.write(request)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 4/)
      // What is written to a connection that the server has let go of is answered by a reset.
      const knocking = setInterval(() => socket.write('x'), 50)
      await closed
      clearInterval(knocking)
    }
  })

  it('hands an upgrade to its handler within the limits, and counts it until its socket closes', async () => {
    const { server } = await serve((_, response) => response.end(), {
      policy: { limit: { inbound: { inFlight: 1 } } },
      upgrade: (_, socket) =>
        void socket
          .on('end', () => socket.end())
          .on('data', (data) => socket.write(data))
          .write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n'),
    })
    const request = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'
    const socket = connect(server)
    socket.write(request)
    expect(String((await once(socket, 'data'))[0])).toContain('101')
    socket.write('hello')
    expect(String((await once(socket, 'data'))[0])).toBe('hello')
    expect(await raw(server, request)).toMatch(/^HTTP\/1.1 503 [\s\S]*zerohop-refused: limit/)
    socket.destroy()
    let again = ''
    while (!again.includes('101')) {
      const next = connect(server)
      next.write(request)
      again = String((await once(next, 'data'))[0])
      next.destroy()
    }
  })

  it('though its body is still to come is judged, handed over and counted to its end like any other', async () => {
    const { server } = await serve((_, response) => response.end(), {
      policy: { access: { deny: [{ paths: ['/no'] }] }, limit: { inbound: { inFlight: 1 } } },
      upgrade: (_, socket) =>
        void socket.on('data', (data) => socket.write(data)).write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n'),
    })
    const request = (path: string): string =>
      `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\ncontent-length: 5\r\n\r\n`
    expect(await raw(server, request('/no'))).toMatch(/^HTTP\/1.1 403 /)
    for (let n = 0; n < 2; n++) {
      const socket = connect(server)
      socket.write(request('/'))
      expect(String((await once(socket, 'data'))[0])).toContain('101')
      expect(await raw(server, request('/'))).toMatch(/^HTTP\/1.1 503 [\s\S]*zerohop-refused: limit/)
      // A reset is nobody's error: one that nobody listens for would end the process.
      socket.resetAndDestroy()
      await once(socket, 'close')
      await turn(50)
    }
  })
})
