/** Recognises callers by the certificates that they showed in the handshake. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { leadsToRoot, readSvid, serviceInSpiffeId } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { LeafName } from '../store/authority-store.ts'
import type { Caller } from './caller.ts'
import { type Stranger, strangerOf } from './stranger.ts'

/** Whom the authority believes: another object whenever that changes. */
export interface PeerTrust {
  readonly trustDomain: string
  /** The oldest first, each in PEM. */
  readonly roots: readonly string[]
}

/** What an authority knows of certificates. */
export interface PeerAuthority {
  readonly trust: PeerTrust
  /** `none` while no root is turned over; `since`: when that began or ended last, in milliseconds since 1970. */
  readonly rotation: { readonly phase: string; readonly since: number }
  /** '' where nobody knows how it began: somebody who has the authority's key may have made it. */
  lineOf(leaf: LeafName): string
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

// On a server, Node.js before version 26 forgets what was sent with a certificate: to which root it leads cannot be said afterwards.
const nodeForgetsChains = Number(process.versions.node.split('.')[0]) < 26
// Longer than a handshake and the head of a first request may take: what is proved later began by the roots of now.
const settledMs = 60_000

/** Callers by connection: a certificate is looked at once, its end at each request, and all of it again when other roots are believed. */
export class PeerCallers {
  readonly #authority: PeerAuthority
  readonly #clock: Clock
  readonly #forgetsChains: boolean
  readonly #proofs = new WeakMap<Socket, Proof>()

  constructor(authority: PeerAuthority, clock: Clock, forgetsChains = nodeForgetsChains) {
    this.#authority = authority
    this.#clock = clock
    this.#forgetsChains = forgetsChains
  }

  /** Null where the connection has shown no certificate. */
  of(socket: Socket): Caller | Stranger | null {
    const known = this.#proofs.get(socket)
    if (known?.trust === this.#authority.trust) return this.#inTime(known)
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
    if (certificate === undefined) return null
    const proof = this.#proofOf(certificate, socket as TLSSocket, known?.trust)
    this.#proofs.set(socket, proof)
    return this.#inTime(proof)
  }

  #inTime({ caller, stranger, notAfter }: Proof): Caller | Stranger | null {
    if (caller === null) return stranger
    // The handshake looked at the time once; the connection may have outlived the certificate since.
    return this.#clock.now() < notAfter ? caller : strangerOf('expired_certificate', `on ${new Date(notAfter).toISOString()}`)
  }

  #proofOf(certificate: X509Certificate, { authorized, authorizationError }: TLSSocket, before: PeerTrust | undefined): Proof {
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
    const name = { serial: certificate.serialNumber, digest: certificate.fingerprint256 }
    const root = this.#forgetsChains ? this.#presumedRoot(name, before) : this.#rootOf(certificate)
    if (root === null) return refused(strangerOf('wrong_certificate', 'it leads to no root that is believed now'))
    return { caller: { token: '', name: spiffeId, service, singleUse: false, leaf: { ...name, root } }, stranger: null, notAfter, trust }
  }

  // By which root the handshake let it in, nobody says; a connection may be older than the roots of today, and outlive those by which it began.
  #rootOf(certificate: X509Certificate): string | null {
    const chain = chainOf(certificate)
    return this.#authority.trust.roots.findLast((one) => leadsToRoot(chain, [one], this.#clock.now())) ?? null
  }

  // Without the chain, what was issued here is known, and of the rest it has to be certain that no root has gone since it was let in.
  #presumedRoot(leaf: LeafName, before: PeerTrust | undefined): string | null {
    const { trust, rotation } = this.#authority
    const isSettled = rotation.phase !== 'none' || this.#clock.now() - rotation.since >= settledMs
    const stands = before === undefined ? isSettled : before.roots.every((one) => trust.roots.includes(one))
    return stands || this.#authority.lineOf(leaf) !== '' ? '' : null
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
