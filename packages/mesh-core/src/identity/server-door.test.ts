import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, test } from 'vitest'
import { stranger } from '../kernel/identity.ts'
import { type TestCertificateOptions, testAuthority } from '../testing/test-authority.ts'
import { doorUnderTest, echoOf } from './door-under-test.ts'
import { peerOf } from './proved-peers.ts'
import { secureClient } from './secure-client.ts'

const authority = testAuthority()
const cart = authority.identityOf('cart')
const hourMs = 3_600_000

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

describe('somebody who speaks TLS is turned away and counted', () => {
  const expired = Date.now() - hourMs
  it.each<[string, string, TestCertificateOptions, string]>([
    [
      'whose certificate has expired',
      'expired',
      { notBefore: expired - hourMs, notAfter: expired },
      new Date(expired).toISOString().slice(0, 19),
    ],
    [
      'whose certificate is not valid yet',
      'not_yet_valid',
      { notBefore: Date.now() + hourMs },
      'is not valid yet (spiffe://test.zerohop/svc/cart; valid from',
    ],
    [
      'of another trust domain',
      'wrong_trust_domain',
      { uris: ['spiffe://other.example/svc/cart'], issuer: testAuthority('other.example').root },
      'other.example',
    ],
    [
      'of another trust domain by a certificate of ours',
      'wrong_trust_domain',
      { uris: ['spiffe://other.example/svc/cart'] },
      'other.example',
    ],
    ['whose authority is unknown', 'untrusted', { issuer: testAuthority().root }, 'does not lead to a root of test.zerohop'],
    ['whose certificate is signed by itself', 'self_signed', { issuer: 'self' }, 'nobody but itself'],
    ['with two URIs', 'not_an_svid', { uris: [cart.spiffeId, 'spiffe://test.zerohop/svc/admin'] }, 'names 2 URIs'],
    ['with a certificate of an authority', 'not_an_svid', { ca: true }, 'CA:TRUE'],
    ['whose key may sign certificates', 'not_an_svid', { keyUsage: [0, 5] }, 'keyCertSign'],
    ['whose key may sign revocation lists', 'not_an_svid', { keyUsage: [0, 6] }, 'cRLSign'],
    ['whose certificate is for servers only', 'not_an_svid', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }, 'without clientAuth'],
    ['with a comma in its URI', 'not_an_svid', { uris: ['spiffe://x, URI:spiffe://test.zerohop/svc/cart'] }, 'is no SPIFFE ID'],
    ['with a quote in its URI', 'not_an_svid', { uris: ['spiffe://x", URI:"spiffe://test.zerohop/svc/cart'] }, 'is no SPIFFE ID'],
  ])('%s', async (_, reason, options, said) => {
    await using server = await doorUnderTest({ identity: payment() })
    const secured = server.secure(authority.identityOf('cart', options), 'payment')
    await closed(secured)
    expect(server.refused).toEqual([reason])
    expect(server.sentences[0]).toContain(said)
    expect(server.sentences[0]).toMatch(/, from 127\.0\.0\.1$/)
    expect(server.peers).toEqual([])
    expect(server.door.waiting).toBe(0)
    expect(server.wheel.armed).toBe(0)
  })

  it('who shows no certificate', async () => {
    await using server = await doorUnderTest({ identity: payment() })
    await closed(connect({ socket: server.dial(), rejectUnauthorized: false }))
    expect(server.refused).toEqual(['no_certificate'])
  })

  it('in an older version', async () => {
    await using server = await doorUnderTest({ identity: payment() })
    const leaf = authority.issue('cart')
    await closed(connect({ socket: server.dial(), cert: leaf.pem, key: leaf.keyPem, maxVersion: 'TLSv1.2', rejectUnauthorized: false }))
    expect(server.refused).toEqual(['handshake_failed'])
    expect(server.sentences[0]).toContain('unsupported protocol')
  })

  it('while this process has no identity, or one that has expired; plaintext goes on', async () => {
    const none = Object.assign(payment(), { current: undefined, problem: 'the control API cannot be reached' })
    await using first = await doorUnderTest({ identity: none })
    await closed(first.secure(cart, 'payment'))
    expect(first.refused).toEqual(['no_identity'])
    expect(first.sentences[0]).toContain('none has come yet; the control API cannot be reached')
    expect(await echoOf(first.dial(), 'hello')).toBe('hello')

    const over = payment()
    over.turn(authority.identityOf('payment', { notBefore: expired - hourMs, notAfter: expired }))
    await using second = await doorUnderTest({ identity: over })
    await closed(second.secure(cart, 'payment'))
    expect(second.refused).toEqual(['no_identity'])
    expect(second.sentences[0]).toContain(`its certificate expired at ${new Date(expired).toISOString()}`)
  })
})

describe('a scanner', () => {
  it.each([
    ['garbage that looks like TLS', Buffer.concat([Buffer.from([0x16, 3, 1, 0, 5]), Buffer.from('hello world')])],
    ['a record of another protocol', Buffer.from([0x16, 0x80, 0, 0xff, 0xff, 1, 2, 3, 4])],
  ])('that sends %s is turned away once', async (_, bytes) => {
    await using server = await doorUnderTest({ identity: payment() })
    const socket = server.dial().resume()
    socket.end(bytes)
    await closed(socket)
    await server.firstRefusal
    expect(server.refused).toEqual(['handshake_failed'])
    expect(server.door.waiting).toBe(0)
  })

  it('that says nothing is dropped after 10 s, and not counted', async () => {
    await using server = await doorUnderTest({ identity: payment() })
    const socket = server.dial()
    await expect.poll(() => server.door.waiting).toBe(1)
    await server.clock.advance(9_900)
    expect(server.door.waiting).toBe(1)
    await server.clock.advance(200)
    await closed(socket)
    await expect.poll(() => server.door.waiting).toBe(0)
    expect(server.refused).toEqual([])
  })

  it('that stops in the middle of its hello is dropped after 10 s, and counted', async () => {
    await using server = await doorUnderTest({ identity: payment() })
    const socket = server.dial()
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]))
    await expect.poll(() => server.sockets.length + server.door.waiting).toBe(1)
    // The bytes are read once the hello is under way.
    await expect.poll(() => socket.bytesWritten).toBe(9)
    await echoOf(server.dial(), 'a round trip later')
    await server.clock.advance(10_100)
    await closed(socket)
    expect(server.refused).toEqual(['handshake_timeout'])
    expect(server.door.waiting).toBe(0)
  })

  it('that leaves before it has said anything, or in the middle of a handshake, is neither counted nor kept', async () => {
    await using server = await doorUnderTest({ identity: payment() })
    server.dial().end()
    server.dial().destroy()
    const hello = server.dial()
    hello.end(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]))
    server.dial().resetAndDestroy()
    await closed(hello)
    await echoOf(server.secure(cart, 'payment'), 'a round trip later')
    await expect.poll(() => server.door.waiting).toBe(0)
    expect(server.refused).toEqual([])
    expect(server.wheel.armed).toBe(0)
  })
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
