import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { connect, createSecureContext, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { describe, expect, it, test } from 'vitest'
import type { Identity } from '../kernel/identity.ts'
import type { MeshError } from '../kernel/mesh-error.ts'
import { readSvid, urisOf } from '../policy/svid.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { doorUnderTest } from './door-under-test.ts'
import { secureClient } from './secure-client.ts'

interface Case {
  readonly id: string
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly peer_certificate_key: string | null
}

const authority = testAuthority()
const cart = authority.identityOf('cart')
const payment = authority.identityOf('payment')

// What node cannot even load, neither end can show or believe: both are the same there.
function loaded<T>(make: () => T): T | null {
  try {
    return make()
  } catch {
    return null
  }
}

function shown({ peer_certificate, untrusted_intermediates, peer_certificate_key }: Case) {
  return {
    cert: [peer_certificate, ...untrusted_intermediates].join('\n'),
    key: peer_certificate_key ?? '',
    minVersion: 'TLSv1.3' as const,
  }
}

/** What believes the roots of a case, and shows a certificate of ours. */
function believing({ trusted_certs }: Case, own: Identity) {
  return {
    cert: own.certificates,
    key: own.key.export({ type: 'pkcs8', format: 'pem' }),
    ca: [...trusted_certs],
    minVersion: 'TLSv1.3' as const,
  }
}

/** A server of node:tls in memory, as its clients reach it; it asks for certificates, and tells what it thinks of them. */
function plainServer(options: SecureContextOptions) {
  const server = createServer({ ...options, requestCert: true, rejectUnauthorized: false })
  const judged = Promise.withResolvers<string>()
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    judged.resolve(socket.getPeerX509Certificate() === undefined ? noCertificate : problemOf(socket))
  })
  server.on('tlsClientError', () => judged.resolve(noHandshake))
  const dial = (): Duplex => {
    const [near, far] = duplexPair()
    server.emit('connection', far)
    return near
  }
  return { dial, judged: judged.promise }
}

const noHandshake = 'no handshake'
const selfSigned = 'DEPTH_ZERO_SELF_SIGNED_CERT'
const noCertificate = 'no certificate'

/** OpenSSL's word in a sentence of the door; '' for none. */
function chainProblemIn(sentence: string): string {
  return /\(([A-Z0-9_]+)\), from /.exec(sentence)?.[1] ?? ''
}

/** OpenSSL's word for what is wrong with the chain of the other end; '' for nothing. */
function problemOf(socket: TLSSocket): string {
  return socket.authorized ? '' : String(socket.authorizationError)
}

async function plainClient(socket: Duplex, options: SecureContextOptions): Promise<string> {
  const secured = connect({ socket, ...options, rejectUnauthorized: false, checkServerIdentity: () => undefined })
  const judged = Promise.withResolvers<string>()
  secured.once('secureConnect', () => judged.resolve(problemOf(secured)))
  secured.once('error', () => judged.resolve(noHandshake))
  return judged.promise
}

async function refusalOf(secured: TLSSocket): Promise<MeshError> {
  const { promise, resolve, reject } = Promise.withResolvers<MeshError>()
  secured.once('error', (error) => resolve(error as MeshError))
  secured.once('secureConnect', () => reject(new Error('the peer was believed')))
  return promise
}

const casesDir = process.env.CASES_DIR

if (casesDir === undefined) {
  test.skip('x509-limbo: set CASES_DIR to the folder of vectors to run it', () => {})
} else {
  const file = join(casesDir, 'x509-limbo', 'limbo-builtin.json')
  const cases = (JSON.parse(readFileSync(file, 'utf8')) as { testcases: Case[] }).testcases
  const named = cases.map((given) => [given.id, given] as const)
  // Cases that both ends could load, by what plain node:tls said of them: a list of which nothing is compared proves nothing.
  const compared = { server: new Map<string, number>(), client: new Map<string, number>() }
  const count = (end: 'server' | 'client', problem: string): void => {
    compared[end].set(problem, (compared[end].get(problem) ?? 0) + 1)
  }

  describe('x509-limbo, shown by a server', () => {
    it.each(named)('%s', async (_, given) => {
      const server = loaded(() => plainServer(shown(given)))
      const context = loaded(() => createSecureContext(believing(given, cart)))
      if (server === null || context === null) return
      const problem = await plainClient(server.dial(), believing(given, cart))
      count('server', problem)
      const error = await refusalOf(secureClient(server.dial(), { ...cart, context }, 'payment'))
      // None of the cases is an SVID: what passes as a chain is refused as that, and the rest for the very reason that node gives.
      expect(error).toMatchObject({ code: problem === noHandshake ? 'UNREACHED' : 'WRONG_PEER' })
      if (problem !== '' && problem !== noHandshake) expect(error.cause).toMatchObject({ code: problem })
    })
  })

  describe('x509-limbo, shown by a client', () => {
    it.each(named)('%s', async (_, given) => {
      const client = loaded(() => createSecureContext(shown(given)))
      const server = loaded(() => plainServer(believing(given, payment)))
      if (client === null || server === null) return
      connect({ socket: server.dial(), secureContext: client, rejectUnauthorized: false }).on('error', () => {})
      const problem = await server.judged
      count('client', problem)
      const bundle = { trustDomain: authority.trustDomain, roots: given.trusted_certs }
      const source = authority.identitySource('payment')
      source.turn({ ...payment, bundle })
      await using door = await doorUnderTest({ identity: source })
      connect({ socket: door.dial(), secureContext: client, rejectUnauthorized: false }).on('error', () => {})
      await door.firstRefusal
      expect(door.peers).toEqual([])
      const [refused, sentence] = [door.refused.join(), door.sentences.join()]
      if (problem === noHandshake) expect(refused).toBe('handshake_failed')
      // A client whose certificate does not go with its key, or has none of the asked kinds, shows none.
      else if (problem === noCertificate) expect(refused).toBe('no_certificate')
      else {
        expect(refused).toBe(problem === 'CERT_HAS_EXPIRED' ? 'expired' : problem === selfSigned ? 'self_signed' : 'not_an_svid')
        // None of the cases is an SVID, and each would be turned away for that alone: that the door saw its chain is in the sentence.
        expect(chainProblemIn(sentence)).toBe(problem)
      }
    })
  })

  test('x509-limbo: enough of it was compared', () => {
    for (const problems of [compared.server, compared.client]) {
      const all = [...problems.values()].reduce((sum, each) => sum + each, 0)
      expect(all).toBeGreaterThan(150)
      expect(all - (problems.get('') ?? 0)).toBeGreaterThan(50)
    }
  })

  test('x509-limbo: URIs are read as node reads them, or not at all', () => {
    let read = 0
    for (const text of cases.flatMap((given) => [given.peer_certificate, ...given.untrusted_intermediates, ...given.trusted_certs])) {
      const certificate = loaded(() => new X509Certificate(text))
      const uris = certificate === null ? null : loaded(() => urisOf(certificate.raw))
      if (certificate === null || uris === null) continue
      const names = certificate.subjectAltName?.split(', ') ?? []
      expect(uris.map((uri) => `URI:${uri}`)).toEqual(names.filter((name) => name.startsWith('URI:')))
      expect(readSvid(certificate.raw, authority.trustDomain, Date.now()).ok).toBe(false)
      read++
    }
    expect(read).toBeGreaterThan(cases.length)
  })
}
