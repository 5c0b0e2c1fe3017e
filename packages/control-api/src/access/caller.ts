/** Who is asking, once a token has been recognised. */

/** The owner of a token. */
export interface Caller {
  /** The id of the token. */
  readonly token: string
  /** What its owner is called, as histories and the audit show it. */
  readonly name: string
  /** The one service that it may speak for; null for an admin. */
  readonly service: string | null
}

/** True where `caller` may do what only `service` itself, or an admin, may. */
export function speaksFor(caller: Caller, service: string): boolean {
  return caller.service === null || caller.service === service
}
