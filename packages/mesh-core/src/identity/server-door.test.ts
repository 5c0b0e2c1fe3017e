import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, test } from 'vitest'
import { stranger } from '../kernel/identity.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { doorUnderTest, echoOf } from './door-under-test.ts'
import { peerOf } from './proved-peers.ts'
import { secureClient } from './secure-client.ts'

const authority = testAuthority()
const cart = authority.identityOf('cart')

function payment() {
  return authority.identitySource('payment')
}

function closed(socket: Socket): Promise<unknown> {
  socket.on('error', () => {})
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
}

describe('plaintext', () => {
  it('is handed over at once where there is no source of an identity, or where the policy wants no TLS', async () => {
    for (const setting of [{ identity: null }, { identity: payment(), mtls: 'disabled' }] as const) {
      await using server = await doorUnderTest(setting)
      const [near, far] = duplexPair()
      server.door.accept(far)
      expect(server.peers).toEqual([stranger])
      expect(server.door.waiting).toBe(0)
      expect(await echoOf(near, 'hello')).toBe('hello')
    }
  })

  it.each(['permissive', 'strict'] as const)('is handed over whole in %s mode, as that of a stranger', async (mtls) => {
    await using server = await doorUnderTest({ identity: payment(), mtls })
    const socket = server.dial()
    expect(await echoOf(socket, 'GET / HTTP/1.1')).toBe('GET / HTTP/1.1')
    expect(server.peers).toEqual([stranger])
    expect(peerOf(server.sockets[0] as Socket)).toBe(stranger)
    expect(server.sockets[0]?.listenerCount('readable')).toBe(0)
    expect(server.wheel.armed).toBe(0)
    expect(server.refused).toEqual([])
  })

  it('reaches servers of HTTP/1.1 and HTTP/2 on the port of their TLS', async () => {
    const web = createServer((request, response) => response.end(`${request.url} ${peerOf(request.socket).spiffeId}`))
    await using one = await doorUnderTest({ identity: payment(), onConnection: (socket) => web.emit('connection', socket) })
    const url = `http://127.0.0.1:${one.port}`
    expect(await (await fetch(`${url}/a`, { method: 'POST', body: 'x'.repeat(100_000) })).text()).toBe('/a ')
    const secured = one.secure(cart, 'payment')
    secured.write('GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    let answer = ''
    for await (const chunk of secured) answer += String(chunk)
    expect(answer).toContain('/b spiffe://test.zerohop/svc/cart')

    const streams = createHttp2Server()
    streams.on('stream', (stream) => stream.end('of http2'))
    await using two = await doorUnderTest({
      identity: payment(),
      alpn: ['h2'],
      onConnection: (socket) => streams.emit('connection', socket),
    })
    const wires = [
      two.dial(),
      connect({ socket: two.dial(), secureContext: cart.context, checkServerIdentity: () => undefined, ALPNProtocols: ['h2'] }),
    ]
    for (const wire of wires) {
      const session = connectHttp2('http://payment', { createConnection: () => wire })
      const stream = session.request({ ':path': '/' })
      let body = ''
      for await (const chunk of stream) body += String(chunk)
      expect(body).toBe('of http2')
      session.destroy()
    }
    expect((wires[1] as TLSSocket).alpnProtocol).toBe('h2')
  })
})

test('both ways are open on one port, and the mode holds from the next connection on', async () => {
  await using server = await doorUnderTest({ identity: payment(), mtls: 'disabled' })
  expect(await echoOf(server.dial(), 'a')).toBe('a')
  server.mtls.set('permissive')
  expect(await echoOf(server.dial(), 'b')).toBe('b')
  expect(await echoOf(server.secure(cart, 'payment'), 'c')).toBe('c')
  expect(server.peers.map(({ spiffeId }) => spiffeId)).toEqual(['', '', cart.spiffeId])
})

test("a member is handed over with its certificate's end, and nothing of the door stays with it", async () => {
  await using server = await doorUnderTest({ identity: payment() })
  expect(await echoOf(server.secure(cart, 'payment'), 'hello')).toBe('hello')
  const peer = server.peers[0]
  expect(peer?.notAfter).toBe(Math.floor(cart.notAfter / 1000) * 1000)
  expect(peerOf(server.sockets[0] as TLSSocket)).toBe(peer)
  expect(server.door.waiting).toBe(0)
  expect(server.wheel.armed).toBe(0)
})

test('a certificate that node cannot use turns away by TLS, and stops nothing else', async () => {
  const source = payment()
  await using server = await doorUnderTest({ identity: source })
  source.turn({ ...authority.identityOf('payment'), key: cart.key })
  await closed(server.secure(cart, 'payment'))
  expect(server.refused).toEqual(['no_identity'])
  expect(server.sentences[0]).toContain('the certificate of this process cannot be used')
  expect(await echoOf(server.dial(), 'hello')).toBe('hello')
  source.turn()
  expect(await echoOf(server.secure(cart, 'payment'), 'hello')).toBe('hello')
})

test('a new certificate holds from the next handshake on, and open connections stay', async () => {
  const source = payment()
  await using server = await doorUnderTest({ identity: source })
  const serialOf = async (): Promise<[string | undefined, TLSSocket]> => {
    const secured = server.secure(cart, 'payment')
    await once(secured, 'secureConnect')
    return [secured.getPeerX509Certificate()?.serialNumber, secured]
  }
  const [first, open] = await serialOf()
  expect((await serialOf())[0]).toBe(first)
  source.turn()
  const [next] = await serialOf()
  expect(next).not.toBe(first)
  expect(await echoOf(open, 'still here')).toBe('still here')
})

test('roots hold from the next handshake on: a new one lets its leaves in, an old one that is gone does not', async () => {
  const source = payment()
  await using server = await doorUnderTest({ identity: source })
  const next = testAuthority()
  const newcomer = next.identityOf('cart', { roots: [authority.root.pem, next.root.pem] })
  await closed(server.secure(newcomer, 'payment'))
  expect(server.refused).toEqual(['untrusted'])
  source.turn(authority.identityOf('payment', { roots: [authority.root.pem, next.root.pem] }))
  expect(await echoOf(server.secure(newcomer, 'payment'), 'both')).toBe('both')
  expect(await echoOf(server.secure(cart, 'payment'), 'both')).toBe('both')
  source.turn(authority.identityOf('payment', { roots: [next.root.pem] }))
  await closed(server.secure(cart, 'payment'))
  expect(server.refused).toEqual(['untrusted', 'untrusted'])
})

test('a door that is closed lets go of whoever waits, and of nobody whom it has handed over', async () => {
  await using server = await doorUnderTest({ identity: payment() })
  const open = server.secure(cart, 'payment')
  await echoOf(open, 'hello')
  const silent = server.dial()
  await expect.poll(() => server.door.waiting).toBe(1)
  server.door.close()
  await closed(silent)
  await expect.poll(() => server.door.waiting).toBe(0)
  expect(await echoOf(open, 'still here')).toBe('still here')
  await closed(server.dial())
  expect(server.refused).toEqual([])
  expect(server.wheel.armed).toBe(0)
})

test('handshakes that go on side by side are not mixed up', async () => {
  await using server = await doorUnderTest({ identity: payment() })
  const names = Array.from({ length: 20 }, (_, at) => `caller-${at}`)
  const told = await Promise.all(
    names.map(async (name) => {
      const [near, far] = duplexPair()
      server.door.accept(far)
      const secured = secureClient(near, authority.identityOf(name), 'payment')
      await once(secured, 'secureConnect')
      return echoOf(secured, name)
    }),
  )
  expect(told).toEqual(names)
  expect(server.peers.map(({ spiffeId }) => spiffeId).sort()).toEqual(names.map((name) => `spiffe://test.zerohop/svc/${name}`).sort())
})
