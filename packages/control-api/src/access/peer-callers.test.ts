import { once } from 'node:events'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { type TestCertificate, testAuthority } from '@zerohop/mesh-core/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from './caller.ts'
import { type PeerAuthority, PeerCallers } from './peer-callers.ts'
import type { Stranger } from './stranger.ts'

const shop = testAuthority('shop.internal')
const clock = { leapMs: 0, now: () => Date.now() + clock.leapMs, setTimer: () => ({ cancel: () => {} }) }
const issued = new Set<string>()
const believed: { -readonly [K in keyof PeerAuthority]: PeerAuthority[K] } = {
  trust: { trustDomain: 'shop.internal', roots: [shop.root.pem] },
  rotation: { phase: 'none', since: 0 },
  lineOf: ({ digest }) => (issued.has(digest) ? 'tok_1' : ''),
}
const peers = new PeerCallers(believed, clock, false)
const own = shop.issue('control')
let server: Server

beforeAll(async () => {
  const context = { key: own.keyPem, cert: own.pem, ca: [shop.root.pem], requestCert: true, rejectUnauthorized: false }
  server = createServer({ ...context, minVersion: 'TLSv1.3' }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => server.close())

/** What the door sees of somebody who comes with a certificate. */
async function seen(shown: TestCertificate | null): Promise<{ socket: TLSSocket; found: Caller | Stranger | null; leave: () => void }> {
  const { port } = server.address() as { port: number }
  const arrived = once(server, 'secureConnection')
  const credentials = shown === null ? {} : { key: shown.keyPem, cert: shown.pem }
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...credentials }).on('error', () => {})
  const [socket] = (await arrived) as [TLSSocket]
  socket.on('error', () => {})
  return { socket, found: peers.of(socket), leave: () => client.destroy() }
}

test('a certificate of a service is a caller, with its SPIFFE ID as its name', async () => {
  const cart = shop.issue('cart')
  const { found, leave } = await seen(cart)
  expect(found).toMatchObject({ token: '', name: 'spiffe://shop.internal/svc/cart', service: 'cart', singleUse: false })
  leave()
})

test('who shows nothing is neither a caller nor turned away', async () => {
  const { found, leave } = await seen(null)
  expect(found).toBeNull()
  leave()
})

const now = Date.now()
const nameOf = (service: string) => `spiffe://shop.internal/svc/${service}`
test.each<[string, () => TestCertificate, string, RegExp]>([
  [
    'of another authority',
    () => testAuthority('shop.internal').issue('cart'),
    'wrong_certificate',
    /UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY/,
  ],
  ['that signed itself', () => shop.issue('cart', { issuer: 'self' }), 'wrong_certificate', /SELF_SIGNED|UNABLE_TO/],
  [
    'of another trust domain',
    () => shop.issue('cart', { uris: ['spiffe://bank.internal/svc/cart'] }),
    'wrong_certificate',
    /another trust domain/,
  ],
  ['of nobody in particular', () => shop.issue('cart', { uris: ['spiffe://shop.internal/control'] }), 'wrong_certificate', /no service/],
  ['of two services', () => shop.issue('cart', { uris: [nameOf('cart'), nameOf('payment')] }), 'wrong_certificate', /2 URIs/],
  ['without a URI', () => shop.issue('cart', { uris: [], dns: ['cart'] }), 'wrong_certificate', /no URI/],
  ['that hides one name in another', () => shop.issue('cart', { uris: [], dns: [`x, URI:${nameOf('cart')}`] }), 'wrong_certificate', /./],
  [
    'that spoofs a name with a comma',
    () => shop.issue('cart', { uris: [`${nameOf('cart')}, DNS:x`] }),
    'wrong_certificate',
    /no SPIFFE ID/,
  ],
  ['of an authority', () => shop.issue('cart', { ca: true, keyUsage: [0, 5] }), 'wrong_certificate', /./],
  ['whose key may sign others', () => shop.issue('cart', { keyUsage: [0, 5] }), 'wrong_certificate', /keyCertSign/],
  ['that does not say what its key is for', () => shop.issue('cart', { keyUsage: null }), 'wrong_certificate', /keyUsage/],
  ['for clients alone', () => shop.issue('cart', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] }), 'wrong_certificate', /without serverAuth/],
  ['for servers alone', () => shop.issue('cart', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }), 'wrong_certificate', /INVALID_PURPOSE/],
  ['that has expired', () => shop.issue('cart', { notBefore: now - 9e6, notAfter: now - 6e6 }), 'expired_certificate', /on 20/],
  [
    'that is not yet valid',
    () => shop.issue('cart', { notBefore: now + 6e6, notAfter: now + 9e6 }),
    'wrong_certificate',
    /CERT_NOT_YET_VALID/,
  ],
])('a certificate %s is told so', async (_, issue, code, reason) => {
  const { found, leave } = await seen(issue())
  expect(found).toMatchObject({ status: 401, code, message: expect.stringMatching(reason) })
  leave()
})

test('a certificate that expires on an open connection is no caller from then on', async () => {
  const { socket, leave } = await seen(shop.issue('cart', { notAfter: now + 3_600_000 }))
  expect(peers.of(socket)).toMatchObject({ service: 'cart' })
  clock.leapMs = 3_600_000
  expect(peers.of(socket)).toMatchObject({ code: 'expired_certificate' })
  clock.leapMs = 0
  expect(peers.of(socket)).toBe(peers.of(socket))
  leave()
})

test('a connection outlives the roots by which it began only where its certificate leads to one of those that are believed now', async () => {
  const next = testAuthority('shop.internal')
  const { socket, leave } = await seen(shop.issue('cart'))
  const before = believed.trust
  const during = { ...before, roots: [shop.root.pem, next.root.pem] }
  believed.trust = during
  expect(peers.of(socket)).toMatchObject({ service: 'cart', leaf: { root: shop.root.pem } })
  believed.trust = { ...before, roots: [next.root.pem] }
  expect(peers.of(socket)).toMatchObject({
    status: 401,
    code: 'wrong_certificate',
    message: expect.stringContaining('no root that is believed now'),
  })
  // A handshake by the roots of before that ends only now is no better.
  expect((await seen(shop.issue('cart'))).found).toMatchObject({ code: 'wrong_certificate' })
  believed.trust = before
  expect(peers.of(socket)).toMatchObject({ service: 'cart' })
  leave()
})

test('where Node.js forgets chains, what was issued here outlives a root that has gone, and nothing else', async () => {
  const before = believed.trust
  const next = testAuthority('shop.internal').root.pem
  const forgetful = new PeerCallers(believed, clock, true)
  const [cart, forged] = [await seen(shop.issue('cart')), await seen(shop.issue('cart'))]
  issued.add(cart.socket.getPeerX509Certificate()?.fingerprint256 ?? '')
  const found = () => [cart, forged].map(({ socket }) => forgetful.of(socket))
  const known = { service: 'cart', leaf: { root: '' } }
  const stranger = { status: 401, code: 'wrong_certificate' }
  expect(found()).toMatchObject([known, known])
  believed.trust = { ...before, roots: [...before.roots, next] }
  expect(found()).toMatchObject([known, known])
  believed.trust = { ...before, roots: [next] }
  believed.rotation = { phase: 'none', since: clock.now() }
  expect(found()).toMatchObject([known, stranger])
  // A handshake by the roots of before that ends only now is no better.
  const late = await seen(shop.issue('cart'))
  expect(forgetful.of(late.socket)).toMatchObject(stranger)
  clock.leapMs = 60_000
  const settled = await seen(shop.issue('cart'))
  expect(forgetful.of(settled.socket)).toMatchObject(known)
  clock.leapMs = 0
  believed.trust = before
  believed.rotation = { phase: 'none', since: 0 }
  for (const { leave } of [cart, forged, late, settled]) leave()
})
