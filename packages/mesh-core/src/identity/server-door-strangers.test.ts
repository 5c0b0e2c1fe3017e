import type { Socket } from 'node:net'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { type TestCertificateOptions, testAuthority } from '../testing/test-authority.ts'
import { doorUnderTest, echoOf } from './door-under-test.ts'

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
    [
      'whose authority is unknown, with two URIs: both are told',
      'not_an_svid',
      { issuer: testAuthority().root, uris: [cart.spiffeId, 'spiffe://test.zerohop/svc/admin'] },
      '(UNABLE_TO_VERIFY_LEAF_SIGNATURE), from',
    ],
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
    const clock = fakeClock()
    await using server = await doorUnderTest({ identity: payment(), clock })
    const socket = server.dial()
    await expect.poll(() => server.door.waiting).toBe(1)
    await clock.advance(9_900)
    expect(server.door.waiting).toBe(1)
    await clock.advance(200)
    await closed(socket)
    await expect.poll(() => server.door.waiting).toBe(0)
    expect(server.refused).toEqual([])
  })

  it('that stops in the middle of its hello is dropped after 10 s, and counted', async () => {
    const clock = fakeClock()
    await using server = await doorUnderTest({ identity: payment(), clock })
    const socket = server.dial()
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]))
    await expect.poll(() => server.sockets.length + server.door.waiting).toBe(1)
    // The bytes are read once the hello is under way.
    await expect.poll(() => socket.bytesWritten).toBe(9)
    await echoOf(server.dial(), 'a round trip later')
    await clock.advance(10_100)
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
