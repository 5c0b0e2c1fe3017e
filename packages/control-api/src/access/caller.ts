/** Who is asking, once a token or a certificate has been recognised. */
import type { LeafName } from '../store/authority-store.ts'

/** A certificate that a caller has shown in the handshake. */
export interface ShownLeaf extends LeafName {
  /** The root that it leads to, in PEM; where there are two, the newer one. '' where that is not known: it is one of those that are believed. */
  readonly root: string
}

/** The owner of a token, or of a certificate of the mesh. */
export interface Caller {
  /** The id of the token; '' for a certificate. */
  readonly token: string
  /** What its owner is called, as histories and the audit show it; of a certificate its SPIFFE ID. */
  readonly name: string
  /** The one service that it may speak for; null for an admin. */
  readonly service: string | null
  /** True for a token that is good for one certificate, and for nothing else. */
  readonly singleUse: boolean
  /** Null for a token. */
  readonly leaf: ShownLeaf | null
}

/** True where `caller` may do what only `service` itself, or an admin, may. */
export function speaksFor(caller: Caller, service: string): boolean {
  return caller.service === null || caller.service === service
}

/** A caller as histories and the audit name it. */
export function callerName({ token, name }: Caller): string {
  return token === '' ? name : `${name} (${token})`
}

/** What a caller came with, at the beginning of a sentence. */
export function credentialOf({ token }: Caller): string {
  return token === '' ? 'The certificate' : `The token ${token}`
}
