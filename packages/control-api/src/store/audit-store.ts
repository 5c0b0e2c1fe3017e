/** Where it is written down who changed what. */

/** One write. No secret is ever part of it. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly at: number
  /** The name of the token's owner, and the token's id. */
  readonly by: string
  /** The address from which the write came. */
  readonly remote: string
  /** `policy.put`, `token.create`, `identity.issue`: what was written, and how; `identity.refuse` where a certificate was refused, `token.refuse` where a token was void. */
  readonly action: string
  /** What was written: names of services, the id of a token. */
  readonly subject: string
  /** The revision that came of it; null where none did. */
  readonly revision: number | null
  /** True where a check was overridden. */
  readonly forced: boolean
}

/** An entry with its place in the order of all. */
export interface NumberedEntry extends AuditEntry {
  readonly number: number
}

/** Keeps the newest entries, a bounded number of them. */
export interface AuditStore {
  record(entry: AuditEntry): void
  /** The newest first; `before` is a number to go on from. */
  list(options: { readonly before?: number; readonly limit: number }): readonly NumberedEntry[]
}
