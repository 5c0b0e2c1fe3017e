/** Who is asking, once a token or a certificate has been recognised. */

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
  /** The serial number of the certificate, in hex; '' for a token. */
  readonly serial: string
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
