/** Where tokens are kept: never a token itself, only what is needed to recognise one. */

/** The one certificate for which a single-use token was good. */
export interface SpentToken {
  /** Milliseconds since 1970. */
  readonly at: number
  /** SHA-256 of the public key that was certified (SubjectPublicKeyInfo), in base64url. */
  readonly keyHash: string
  /** The answer, for a joiner that did not get it: the certificates in PEM, and their times in milliseconds since 1970. */
  readonly certificates: string
  readonly notBefore: number
  readonly notAfter: number
}

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
  /** When it ends by itself; null where it does not. */
  readonly expiresAt: number | null
  /** Good for one certificate, and for nothing else. */
  readonly singleUse: boolean
  /** Null while it is unspent. */
  readonly spent: SpentToken | null
  /** When it was taken back; null while it was not. Kept for a while, so that its holder can be told why it is void. */
  readonly revokedAt: number | null
}

/** Keeps tokens. All reads are from memory; a change has returned only when it is durable. */
export interface TokenStore {
  get(id: string): StoredToken | null
  /** In the order in which they were made. */
  all(): Iterable<StoredToken>
  /** One transaction. A token that is put replaces the one of its id. */
  change(change: { readonly put?: readonly StoredToken[]; readonly drop?: readonly string[] }): void
}
