/** Recognises callers by the certificates that they showed in the handshake. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { leadsToRoot, readSvid, serviceInSpiffeId } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { Caller } from './caller.ts'
import { type Stranger, strangerOf } from './stranger.ts'

/** Whom the authority believes: another object whenever that changes. */
export interface PeerTrust {
  readonly trustDomain: string
  /** The oldest first, each in PEM. */
  readonly roots: readonly string[]
}

/** What a connection has proved: the same for all its requests, but for the time, and for as long as the same roots are believed. */
interface Proof {
  readonly caller: Caller | null
  /** Why there is no caller. */
  readonly stranger: Stranger | null
  /** Milliseconds since 1970. */
  readonly notAfter: number
  /** By which it was proved. */
  readonly trust: PeerTrust
}

/** Callers by connection: a certificate is looked at once, its end at each request, and all of it again when other roots are believed. */
export class PeerCallers {
  readonly #authority: { readonly trust: PeerTrust }
  readonly #clock: Clock
  readonly #proofs = new WeakMap<Socket, Proof>()

  constructor(authority: { readonly trust: PeerTrust }, clock: Clock) {
    this.#authority = authority
    this.#clock = clock
  }

  /** Null where the connection has shown no certificate. */
  of(socket: Socket): Caller | Stranger | null {
    const known = this.#proofs.get(socket)
    if (known?.trust === this.#authority.trust) return this.#inTime(known)
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
    if (certificate === undefined) return null
    const proof = this.#proofOf(certificate, socket as TLSSocket)
    this.#proofs.set(socket, proof)
    return this.#inTime(proof)
  }

  #inTime({ caller, stranger, notAfter }: Proof): Caller | Stranger | null {
    if (caller === null) return stranger
    // The handshake looked at the time once; the connection may have outlived the certificate since.
    return this.#clock.now() < notAfter ? caller : strangerOf('expired_certificate', `on ${new Date(notAfter).toISOString()}`)
  }

  #proofOf(certificate: X509Certificate, { authorized, authorizationError }: TLSSocket): Proof {
    const { trust } = this.#authority
    const notAfter = Date.parse(certificate.validTo)
    const refused = (stranger: Stranger): Proof => ({ caller: null, stranger, notAfter, trust })
    if (!authorized) {
      const reason = wordOf(authorizationError)
      if (reason !== 'CERT_HAS_EXPIRED') return refused(strangerOf('wrong_certificate', reason))
      return refused(strangerOf('expired_certificate', `on ${new Date(notAfter).toISOString()}`))
    }
    const reading = readSvid(certificate.raw, trust.trustDomain, this.#clock.now())
    if (!reading.ok) {
      if (reading.flaw === 'expired') return refused(strangerOf('expired_certificate', `on ${new Date(notAfter).toISOString()}`))
      return refused(strangerOf('wrong_certificate', `it ${reading.problem}`))
    }
    const { spiffeId } = reading.peer
    const service = serviceInSpiffeId(trust.trustDomain, spiffeId)
    if (service === '') return refused(strangerOf('wrong_certificate', 'it names no service of this trust domain'))
    // By which root the handshake let it in, nobody says; a connection may be older than the roots of today, and outlive those by which it began.
    const root = trust.roots.findLast((one) => leadsToRoot(chainOf(certificate), [one], this.#clock.now()))
    if (root === undefined) return refused(strangerOf('wrong_certificate', 'it leads to no root that is believed now'))
    const leaf = { serial: certificate.serialNumber, digest: certificate.fingerprint256, root }
    return { caller: { token: '', name: spiffeId, service, singleUse: false, leaf }, stranger: null, notAfter, trust }
  }
}

/** A certificate and what was sent with it. */
function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let one: X509Certificate | undefined = leaf; one !== undefined && !chain.includes(one); one = one.issuerCertificate) chain.push(one)
  return chain
}

/** The word of OpenSSL: an error in some versions of Node.js, a text in others. */
function wordOf(error: Error | string | null): string {
  if (error === null) return ''
  return typeof error === 'string' ? error : ((error as { code?: string }).code ?? error.message)
}
