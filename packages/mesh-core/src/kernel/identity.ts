/** Who this process is, as it proves it to others, and whom it believes: the words that identity, the wires and the control client share. */
import type { KeyObject } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { Watch } from './watch.ts'

/** How the servers of a service take connections: in plaintext only, either way on the same port, or by mutual TLS only. */
export type MtlsMode = 'disabled' | 'permissive' | 'strict'

/** The label by which an endpoint says that it takes mutual TLS, whatever registry lists it. Its value is {@link mtlsLabelValue}. */
export const mtlsLabel = 'zerohop-tls'
/** What an endpoint that takes mutual TLS carries under {@link mtlsLabel}. */
export const mtlsLabelValue = 'mtls'

/** The roots by which peers are believed. */
export interface TrustBundle {
  /** Lower-case, such as `shop.internal`. */
  readonly trustDomain: string
  /** Each one certificate in PEM. */
  readonly roots: readonly string[]
}

/** One certificate of this process together with the roots that held when it came: never changed, always replaced whole. */
export interface Identity {
  /** Grows with every change, of the certificate as of the bundle: what was made under a lower one is out of date. */
  readonly generation: number
  /** Such as `spiffe://shop.internal/svc/cart`. */
  readonly spiffeId: string
  readonly bundle: TrustBundle
  /** The leaf first, then intermediates, in PEM. */
  readonly certificates: string
  /** It never leaves the process. */
  readonly key: KeyObject
  /** Milliseconds since 1970 from which, and until which, the leaf is valid. */
  readonly notBefore: number
  readonly notAfter: number
  /** TLS 1.3 with this certificate and these roots; made once for each generation, for both ends. */
  readonly context: SecureContext
  /** The SPIFFE ID that whoever answers for `service` must prove. */
  idOf(service: string): string
  /** The name by which policies know the owner of a SPIFFE ID: the service, where the ID is one of this mesh's own; '' for anybody else. */
  serviceOf(spiffeId: string): string
}

/** Where an identity comes from: a control API, files, a registry. Its newest value stays readable after it has expired. */
export interface IdentitySource extends Watch<Identity> {
  /** One word for messages: `issued`, `file`, `connect`. */
  readonly name: string
  /** Why there is no valid identity, or none newer, in a sentence; '' while all is well. */
  readonly problem: string
  /** True where it is known that there is no identity to be had, as where a control API issues none: the mesh goes on as one without a source. Left out: false. */
  readonly isAbsent?: boolean
  /** How often a certificate was asked for or read, by what became of it in a word; left out: not counted. */
  readonly renewals?: ReadonlyMap<string, number>
  /** Resolves when there is an identity, or when it is known that there is none to be had. Left out: as `subscribe` tells. */
  settled?(): Promise<void>
  /** Begins: called once, at the first use of the mesh. Must neither throw nor wait. */
  start(): void
  /** Asks for a new certificate now, as a policy can; resolves when it is there, or when it was tried in vain. Never rejects. */
  renew(): Promise<void>
  close(): Promise<void>
}

/** Who is at the other end of a connection, as the handshake has proved it. */
export interface Peer {
  /** '' over plaintext. */
  readonly spiffeId: string
  /** Until when its certificate is valid, in milliseconds since 1970; Infinity over plaintext. */
  readonly notAfter: number
}

/** Who calls, for whoever serves the call. */
export interface Caller {
  /** The name by which policies know it; '' where its SPIFFE ID is not one of this mesh's own services. */
  readonly service: string
  /** As its certificate has proved. */
  readonly spiffeId: string
}

/** Somebody in plaintext. */
export const stranger: Peer = { spiffeId: '', notAfter: Number.POSITIVE_INFINITY }
