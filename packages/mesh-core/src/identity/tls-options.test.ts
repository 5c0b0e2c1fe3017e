import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { type ConnectionOptions, connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { describe, expect, it, test } from 'vitest'
import type { Identity } from '../kernel/identity.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { doorUnderTest, echoOf } from './door-under-test.ts'
import { secureClient } from './secure-client.ts'
import { secureContext, tlsOptions } from './tls-options.ts'

const authority = testAuthority()
const cart = authority.identityOf('cart')
const payment = authority.identityOf('payment')

function materialOf({ certificates, key, bundle }: Identity): SecureContextOptions {
  return tlsOptions({ certificates, key, roots: bundle.roots })
}

/** A client as hostile as can be: it keeps the session of its connection, and shows it with the next one. */
async function visit(near: ConnectionOptions, session?: Buffer): Promise<{ session: Buffer | undefined; secured: TLSSocket }> {
  const options = { servername: 'payment', checkServerIdentity: () => undefined, ...near }
  const secured = connect(session === undefined ? options : { ...options, session })
  let kept: Buffer | undefined
  secured.on('session', (told: Buffer) => {
    kept = told
  })
  await once(secured, 'secureConnect')
  // What the server sends after its handshake, sessions among it, comes before its first echo.
  await echoOf(secured, 'hello')
  return { session: kept, secured }
}

/** A server that asks for certificates, and takes sessions as node does where nothing is said. */
function serverOf(options: SecureContextOptions) {
  const server = createServer({ ...options, requestCert: true, rejectUnauthorized: true }, (socket) => socket.pipe(socket))
  return () => {
    const [near, far] = duplexPair()
    server.emit('connection', far)
    return near
  }
}

describe('a session that a client tries to resume', () => {
  const other = authority.identityOf('cart')

  it('is resumed by a server that says nothing of it, which then goes on with the certificate of long ago', async () => {
    const { secureOptions: _, ...careless } = materialOf(payment)
    const dial = serverOf(careless)
    const { session } = await visit({ socket: dial(), ...materialOf(cart) })
    const again = await visit({ socket: dial(), ...materialOf(other) }, session)
    expect(again.secured.isSessionReused()).toBe(true)
  })

  it('is not resumed by a server of these options', async () => {
    const dial = serverOf(materialOf(payment))
    const { session } = await visit({ socket: dial(), ...materialOf(cart) })
    const again = await visit({ socket: dial(), ...materialOf(other) }, session)
    expect(again.secured.isSessionReused()).toBe(false)
  })

  it('is not resumed at a door: the peer is checked again, and its new certificate is seen', async () => {
    const source = authority.identitySource('payment')
    await using server = await doorUnderTest({ identity: source })
    const { session } = await visit({ socket: server.dial(), ...materialOf(cart) })
    const serial = (): string => (server.sockets.at(-1) as TLSSocket).getPeerX509Certificate()?.serialNumber ?? ''
    const first = serial()
    const again = await visit({ socket: server.dial(), ...materialOf(other) }, session)
    expect(again.secured.isSessionReused()).toBe(false)
    expect(serial()).not.toBe(first)
    // A certificate that does not pass is turned away, though the session of one that did is shown with it.
    const late = authority.identityOf('cart', { notBefore: Date.now() - 2000, notAfter: Date.now() - 1000 })
    const options = { socket: server.dial(), servername: 'payment', checkServerIdentity: () => undefined, ...materialOf(late) }
    connect(session === undefined ? options : { ...options, session }).on('error', () => {})
    await server.firstRefusal
    expect(server.refused).toEqual(['expired'])
  })
})

test('a client of the mesh does not resume, though the server would', async () => {
  const { secureOptions: _, ...careless } = materialOf(payment)
  const dial = serverOf(careless)
  for (let visits = 0; visits < 3; visits++) {
    const secured = secureClient(dial(), cart, 'payment')
    await once(secured, 'secureConnect')
    expect(await echoOf(secured, 'hello')).toBe('hello')
    expect(secured.isSessionReused()).toBe(false)
  }
})

test('without a root nobody is believed', async () => {
  const dial = serverOf(materialOf(payment))
  const { certificates, key } = cart
  const context = secureContext({ certificates, key, roots: [] })
  const secured = secureClient(dial(), { ...cart, context, bundle: { trustDomain: 'test.zerohop', roots: [] } }, 'payment')
  const [error] = await once(secured, 'error').catch((reason: unknown) => [reason])
  expect(error).toMatchObject({ code: 'WRONG_PEER', message: expect.stringContaining('does not lead to a root of test.zerohop') })
})

test('a key that does not belong to the certificate makes no context', () => {
  expect(() => secureContext({ certificates: cart.certificates, key: payment.key, roots: cart.bundle.roots })).toThrow(
    /key values mismatch/,
  )
})
