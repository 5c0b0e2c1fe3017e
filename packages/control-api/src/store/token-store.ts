/** Where tokens are kept: never a token itself, only what is needed to recognise one. */

/** One token as it is kept. */
export interface StoredToken {
  /** 12 characters, no secret: it names the token in lists and in the audit. */
  readonly id: string
  /** SHA-256 of the secret, in hex. */
  readonly hash: string
  /** The service that the token is bound to; null for an admin token. */
  readonly service: string | null
  /** What its owner calls it. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly createdBy: string
}

/** Keeps tokens. All reads are from memory; a change has returned only when it is durable. */
export interface TokenStore {
  get(id: string): StoredToken | null
  all(): Iterable<StoredToken>
  /** One transaction. */
  change(change: { readonly add?: StoredToken; readonly drop?: readonly string[] }): void
}
