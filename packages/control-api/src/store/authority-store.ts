/** Where a certificate authority is kept: its certificates, its keys under a seal, how far a rotation has come, and of each leaf how long it is in use and how its line began. */

/** A certificate that signs others. */
export interface StoredIssuer {
  /** In PEM. */
  readonly certificate: string
  /** The private key, sealed: no store ever sees it open. */
  readonly key: string
}

/** One root and what hangs on it. */
export interface StoredRoot {
  /** 1 is the first root, and each rotation makes the next. */
  readonly number: number
  /** In PEM. */
  readonly certificate: string
  /** Sealed; null once it has been retired: nothing is signed by it again. */
  readonly key: string | null
  /** This root signed by the one before it, in PEM; null for the first. */
  readonly link: string | null
  /** What signs leaves under this root; null where nothing does yet, or does any more. */
  readonly intermediate: StoredIssuer | null
  /** True where it is not believed any more. */
  readonly isRetired: boolean
}

/** All of an authority but its leaves. */
export interface StoredAuthority {
  readonly trustDomain: string
  /** How the key is made that opens the sealed keys; no secret. */
  readonly seal: string
  /** A leaf that was issued before it is to be renewed; milliseconds since 1970, 0 for none. */
  readonly renewBefore: number
  readonly phase: 'none' | 'spreading' | 'renewing'
  /** When the phase began, in milliseconds since 1970. */
  readonly since: number
  /** Who had not said that it trusts the new root when the last rotation went on. */
  readonly laggards: readonly string[]
  /** The oldest first. */
  readonly roots: readonly StoredRoot[]
}

/** By what a leaf is known. */
export interface LeafName {
  /** In hex. */
  readonly serial: string
  /**
   * SHA-256 of all of it, as `X509Certificate.fingerprint256` shows it: whoever has the authority's key can write a known serial number into
   * another one. '' in a leaf of an earlier version, which is known by its serial number alone.
   */
  readonly digest: string
}

/** One leaf that was issued. */
export interface StoredLeaf extends LeafName {
  /** The number of the root that it leads to. */
  readonly root: number
  /** The last moment at which it may be shown to anybody, in milliseconds since 1970. */
  readonly until: number
  /** Its own end, in milliseconds since 1970: whoever has kept a leaf that was replaced can show it until then. */
  readonly notAfter: number
  /** The id of the token with which its line began: the leaf that was had by it, and each one that renewed another. '' where nobody knows. */
  readonly token: string
}

/** Keeps one authority. A change has returned only when it is durable. */
export interface AuthorityStore {
  /** Null where there is none yet. */
  load(): StoredAuthority | null
  /**
   * Puts all of it in the place of what was there, in one transaction.
   * @param saved is called once that is durable, which within a transaction of the caller's is at its end; not at all where it fails
   */
  save(authority: StoredAuthority, saved?: () => void): void
  /**
   * Adds a leaf, and forgets those that had expired by `now`. `replaces` names a leaf that is from its `until` on not shown any more. One
   * transaction.
   */
  addLeaf(leaf: StoredLeaf, now: number, replaces?: Pick<StoredLeaf, 'serial' | 'digest' | 'until'>): void
  /** How many are in use after `now`. */
  countLeaves(now: number): number
  /** The last moment at which any leaf of the roots up to this number is in use; 0 where there is none. */
  lastUse(root: number): number
  /** The token with which the line of a leaf began; '' where the leaf is not known, or its beginning is not. */
  lineOf(leaf: LeafName): string
  /** By the token with which a line began: when the last of its leaves expires that has not expired by `now`. */
  lineEnds(now: number): ReadonlyMap<string, number>
}
