import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { duplexPair } from 'node:stream'
import { createServer as createTlsServer, type PeerCertificate, type TLSSocket } from 'node:tls'
import { describe, expect, it, test } from 'vitest'
import { stranger } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import type { TestCertificateOptions } from '../testing/test-authority.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { doorUnderTest, echoOf } from './door-under-test.ts'
import { peerOf } from './proved-peers.ts'
import { checkServer, secureClient } from './secure-client.ts'

const authority = testAuthority()
const cart = authority.identityOf('cart')
const hourMs = 3_600_000

async function failureOf(secured: TLSSocket): Promise<MeshError> {
  const { promise, resolve, reject } = Promise.withResolvers<MeshError>()
  secured.once('error', (error) => resolve(error as MeshError))
  secured.once('secureConnect', () => reject(new Error('the peer was believed')))
  return promise
}

/** What `client` hears, having called payment, from a server that checks nothing and has such a certificate. */
async function failureWith(options: TestCertificateOptions, client = cart): Promise<MeshError> {
  const leaf = authority.issue('payment', options)
  const server = createTlsServer({ cert: leaf.pem, key: leaf.keyPem, requestCert: true, rejectUnauthorized: false }).listen(0, '127.0.0.1')
  const received: unknown[] = []
  server.on('secureConnection', (socket) => socket.on('error', () => {}).on('data', (chunk) => received.push(chunk)))
  const over = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)))
  await once(server, 'listening')
  const secured = secureClient(connect((server.address() as AddressInfo).port, '127.0.0.1'), client, 'payment')
  const error = await failureOf(secured)
  expect(MeshError.is(error)).toBe(true)
  expect(error).toMatchObject({ code: 'WRONG_PEER', service: 'payment' })
  expect(error.message).toContain('payment: expected spiffe://test.zerohop/svc/payment')
  expect(peerOf(secured)).toBe(stranger)
  await over
  server.close()
  expect(received).toEqual([])
  return error
}

test('the service that was called is believed, and is who it proved to be', async () => {
  const payment = authority.identitySource('payment')
  await using server = await doorUnderTest({ identity: payment })
  const secured = server.secure(cart, 'payment')
  expect(peerOf(secured)).toBe(stranger)
  await once(secured, 'secureConnect')
  expect(peerOf(secured)).toEqual({
    spiffeId: 'spiffe://test.zerohop/svc/payment',
    notAfter: (payment.current?.notAfter as number) - ((payment.current?.notAfter as number) % 1000),
  })
  expect(secured.getProtocol()).toBe('TLSv1.3')
  expect(await echoOf(secured, 'hello')).toBe('hello')
  expect(server.peers.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://test.zerohop/svc/cart'])
  expect((server.sockets[0] as TLSSocket).servername).toBe('payment')
})

test('it goes over streams that are no sockets', async () => {
  const [near, far] = duplexPair()
  await using server = await doorUnderTest({ identity: authority.identitySource('payment') })
  server.door.accept(far)
  const secured = secureClient(near, cart, 'payment')
  await once(secured, 'secureConnect')
  expect(await echoOf(secured, 'hello')).toBe('hello')
})

test('the protocol that the caller names is agreed on', async () => {
  const [near, far] = duplexPair()
  await using server = await doorUnderTest({ identity: authority.identitySource('payment'), alpn: ['h2'] })
  server.door.accept(far)
  const secured = secureClient(near, cart, { service: 'payment', alpn: ['h2'] })
  await once(secured, 'secureConnect')
  expect(secured.alpnProtocol).toBe('h2')
})

test('a service whose name looks like an address is asked for without naming it', async () => {
  await using server = await doorUnderTest({ identity: authority.identitySource('10.0.0.1') })
  const secured = server.secure(cart, '10.0.0.1')
  await once(secured, 'secureConnect')
  expect(peerOf(secured).spiffeId).toBe('spiffe://test.zerohop/svc/10.0.0.1')
})

describe('whoever answers is refused, before a byte of a request has left,', () => {
  it('when it proves to be another service, whatever its DNS name and its common name', async () => {
    const error = await failureWith({ uris: ['spiffe://test.zerohop/svc/frontend'], dns: ['payment'], commonName: 'payment' })
    expect(error.message).toBe(
      'payment: expected spiffe://test.zerohop/svc/payment, and the peer proved to be spiffe://test.zerohop/svc/frontend',
    )
  })

  it('when its certificate has expired: both times are named', async () => {
    const notAfter = Date.now() - hourMs
    const error = await failureWith({ notBefore: notAfter - hourMs, notAfter })
    expect(error.message).toContain('its certificate has expired')
    expect(error.message).toContain(`until ${new Date(notAfter).toISOString().slice(0, 19)}`)
    expect(error.message).toContain(`from ${new Date(notAfter - hourMs).toISOString().slice(0, 19)}`)
    expect(error.cause).toMatchObject({ code: 'CERT_HAS_EXPIRED' })
  })

  it('when its certificate is not valid yet: both times are named', async () => {
    const notBefore = Date.now() + hourMs
    const error = await failureWith({ notBefore })
    expect(error.message).toContain('its certificate is not valid yet')
    expect(error.message).toContain(`valid from ${new Date(notBefore).toISOString().slice(0, 19)}`)
    expect(error.message).toContain(`and it is ${new Date().toISOString().slice(0, 13)}`)
    expect(error.cause).toMatchObject({ code: 'CERT_NOT_YET_VALID' })
  })

  it('when it is of another trust domain, be it signed by that one or by ours', async () => {
    const foreign = testAuthority('other.example')
    const error = await failureWith({ uris: ['spiffe://other.example/svc/payment'], issuer: foreign.root })
    expect(error.message).toContain('it names "spiffe://other.example/svc/payment", and only test.zerohop is believed here')
    expect(error.cause).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    const named = await failureWith({ uris: ['spiffe://other.example/svc/payment'] })
    expect(named.message).toContain('is of another trust domain')
  })

  it('when an unknown authority has signed it', async () => {
    const error = await failureWith({ issuer: testAuthority().root })
    expect(error.message).toContain('which claims to be that of spiffe://test.zerohop/svc/payment, does not lead to a root of test.zerohop')
  })

  it('when it is signed by itself', async () => {
    const error = await failureWith({ issuer: 'self' })
    expect(error.message).toContain('is signed by nobody but itself (DEPTH_ZERO_SELF_SIGNED_CERT)')
  })

  it('when its issuer has expired', async () => {
    const notAfter = Date.now() - hourMs
    const root = authority.issue('root', {
      issuer: 'self',
      ca: true,
      keyUsage: [5, 6],
      extendedKeyUsage: null,
      uris: [],
      commonName: 'old',
      notBefore: notAfter - hourMs,
      notAfter,
    })
    const trusting = authority.identityOf('cart', { roots: [root.pem] })
    const error = await failureWith({ issuer: root }, trusting)
    expect(error.message).toContain('was issued by an authority whose own certificate has expired (CERT_HAS_EXPIRED)')
  })

  it.each<[string, TestCertificateOptions, string]>([
    ['it names two URIs', { uris: ['spiffe://test.zerohop/svc/payment', 'spiffe://test.zerohop/svc/cart'] }, 'names 2 URIs'],
    ['it names none', { uris: [], dns: ['payment'] }, 'names no URI'],
    ['its ID has no path', { uris: ['spiffe://test.zerohop'] }, 'nobody in it'],
    ['its ID is no SPIFFE ID', { uris: ['https://test.zerohop/svc/payment'] }, 'scheme is missing or invalid'],
    ['it may issue certificates', { ca: true }, 'CA:TRUE'],
    ['its key may sign certificates', { keyUsage: [0, 5] }, 'keyCertSign'],
    ['its key may sign revocation lists', { keyUsage: [0, 6] }, 'cRLSign'],
    ['its key may not sign', { keyUsage: [4] }, 'digitalSignature'],
    ['it does not say what its key is for', { keyUsage: null }, 'no keyUsage'],
    ['it is for clients only', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] }, 'without serverAuth'],
    ['it is for servers only', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }, 'without clientAuth'],
    ['it is for anything else', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.3'] }, 'without serverAuth'],
    ['a comma makes one URI look like two', { uris: ['spiffe://x, URI:spiffe://test.zerohop/svc/payment'] }, 'is no SPIFFE ID'],
    ['a quote makes one URI look like two', { uris: ['spiffe://x", URI:"spiffe://test.zerohop/svc/payment'] }, 'is no SPIFFE ID'],
    ['a DNS name looks like a URI', { uris: [], dns: ['x, URI:spiffe://test.zerohop/svc/payment'] }, 'names no URI'],
    ['a byte of zero ends its URI early', { uris: ['spiffe://test.zerohop/svc/payment\0.evil'] }, 'is no SPIFFE ID'],
  ])('when %s', async (_, options, said) => {
    expect((await failureWith(options)).message).toContain(said)
  })
})

test('a certificate without an extended key usage is for both ends', async () => {
  await using server = await doorUnderTest({ identity: authority.identitySource('payment', { extendedKeyUsage: null }) })
  await once(server.secure(cart, 'payment'), 'secureConnect')
})

test('the environment cannot turn the check off', async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  try {
    await failureWith({ issuer: 'self' })
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
  }
})

test('a server that speaks no TLS, or an older one, is unreached: nothing was sent', async () => {
  await using plain = await doorUnderTest({ identity: null })
  const error = await failureOf(plain.secure(cart, 'payment'))
  expect(error).toMatchObject({ code: 'UNREACHED', service: 'payment', cause: { code: expect.stringContaining('ERR_SSL_') } })
  const leaf = authority.issue('payment')
  const old = createTlsServer({ cert: leaf.pem, key: leaf.keyPem, maxVersion: 'TLSv1.2' })
  const [near, far] = duplexPair()
  old.on('tlsClientError', () => {})
  old.emit('connection', far)
  expect(await failureOf(secureClient(near, cart, 'payment'))).toMatchObject({
    code: 'UNREACHED',
    message: expect.stringContaining('payment: the TLS handshake failed: '),
  })
})

test('a connection that is lost in the handshake is unreached', async () => {
  const listener = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1')
  const error = await failureOf(secureClient(socket, cart, 'payment'))
  expect(error).toMatchObject({ code: 'UNREACHED', cause: { code: 'ECONNRESET' } })
  listener.close()
})

describe('the check for clients that make their own connections', () => {
  const shown = (service: string, options?: TestCertificateOptions) => ({ raw: authority.issue(service, options).der }) as PeerCertificate

  it('tells who was proved', () => {
    const proved: string[] = []
    const check = checkServer(cart, 'payment', ({ spiffeId }) => proved.push(spiffeId))
    expect(check('10.0.0.1', shown('payment'))).toBeUndefined()
    expect(proved).toEqual(['spiffe://test.zerohop/svc/payment'])
  })

  it('goes by the SPIFFE ID and not by the host', () => {
    const proved: string[] = []
    const check = checkServer(cart, 'payment', ({ spiffeId }) => proved.push(spiffeId))
    expect(check('payment', shown('frontend', { dns: ['payment'] }))).toMatchObject({ code: 'WRONG_PEER' })
    expect(check('payment', {} as PeerCertificate)).toMatchObject({ message: expect.stringContaining('it showed no certificate') })
    expect(check('payment', { raw: Buffer.from('30038001', 'hex') } as PeerCertificate)).toMatchObject({ code: 'WRONG_PEER' })
    expect(proved).toEqual([])
  })
})
