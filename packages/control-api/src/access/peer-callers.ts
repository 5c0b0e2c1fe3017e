/** Recognises callers by the certificates that they showed in the handshake. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { readSvid, serviceInSpiffeId } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { Caller } from './caller.ts'
import { type Stranger, strangerOf } from './stranger.ts'

/** What a connection has proved: the same for all its requests, but for the time. */
interface Proof {
  readonly caller: Caller | null
  /** Why there is no caller. */
  readonly stranger: Stranger | null
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** Callers by connection: a certificate is looked at once, its end at each request. */
export class PeerCallers {
  readonly #trustDomain: string
  readonly #clock: Clock
  readonly #proofs = new WeakMap<Socket, Proof>()

  constructor(trustDomain: string, clock: Clock) {
    this.#trustDomain = trustDomain
    this.#clock = clock
  }

  /** Null where the connection has shown no certificate. */
  of(socket: Socket): Caller | Stranger | null {
    const known = this.#proofs.get(socket)
    if (known !== undefined) return this.#inTime(known)
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
    const notAfter = Date.parse(certificate.validTo)
    const refused = (stranger: Stranger): Proof => ({ caller: null, stranger, notAfter })
    if (!authorized) {
      const reason = wordOf(authorizationError)
      if (reason !== 'CERT_HAS_EXPIRED') return refused(strangerOf('wrong_certificate', reason))
      return refused(strangerOf('expired_certificate', `on ${new Date(notAfter).toISOString()}`))
    }
    const reading = readSvid(certificate.raw, this.#trustDomain, this.#clock.now())
    if (!reading.ok) {
      if (reading.flaw === 'expired') return refused(strangerOf('expired_certificate', `on ${new Date(notAfter).toISOString()}`))
      return refused(strangerOf('wrong_certificate', `it ${reading.problem}`))
    }
    const { spiffeId } = reading.peer
    const service = serviceInSpiffeId(this.#trustDomain, spiffeId)
    if (service === '') return refused(strangerOf('wrong_certificate', 'it names no service of this trust domain'))
    return {
      caller: { token: '', name: spiffeId, service, singleUse: false, serial: certificate.serialNumber },
      stranger: null,
      notAfter,
    }
  }
}

/** The word of OpenSSL: an error in some versions of Node.js, a text in others. */
function wordOf(error: Error | string | null): string {
  if (error === null) return ''
  return typeof error === 'string' ? error : ((error as { code?: string }).code ?? error.message)
}
