/** Makes tokens, and takes them back. */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { AuthorityStore } from '../store/authority-store.ts'
import type { SpentToken, StoredToken, TokenStore } from '../store/token-store.ts'
import { writeToken } from './token-text.ts'

/** A token just made. `token` exists here and in the answer to who asked for it, and nowhere else. */
export interface FreshToken {
  readonly token: string
  readonly stored: StoredToken
}

/** What a token is for. */
export interface TokenPurpose {
  /** Null: an admin token. */
  readonly service: string | null
  readonly name: string
  /** Who asked for it. */
  readonly by: string
  /** Good for one certificate, and for nothing else. Default false. */
  readonly singleUse?: boolean
  /** Default null: until it is taken back. */
  readonly expiresInMs?: number | null
}

/** What an office needs. */
export interface TokenOfficeParts {
  readonly tokens: TokenStore
  /** Which lines of certificates began with which token. */
  readonly leaves: Pick<AuthorityStore, 'lineEnds'>
  readonly clock: Clock
  /** Of the root that tokens are to name; null where there is no authority. */
  readonly fingerprint?: () => string | null
}

/** The last admin token cannot be taken back: nobody could make another one. */
export class LastAdminToken extends Error {
  override readonly name = 'LastAdminToken'
}

const firstAdmin = { service: null, name: 'admin', by: 'first start' } as const
// So long a token that is void can tell its holder why; the newest so many, for all of them are held in memory.
const voidForMs = 30 * 86_400_000
const mostVoid = 10_000
/** A joiner that did not get its certificate may ask for it again so long. */
export const answerKeptMs = 300_000

/** All changes are durable when a method has returned. */
export class TokenOffice {
  readonly #parts: TokenOfficeParts

  constructor(parts: TokenOfficeParts) {
    this.#parts = parts
  }

  /** In the order in which they were made; those that became void not long ago too. */
  all(): readonly StoredToken[] {
    return [...this.#parts.tokens.all()]
  }

  /** Null where there is no such token. */
  get(id: string): StoredToken | null {
    return this.#parts.tokens.get(id)
  }

  /** True where a token was taken back. One that was forgotten has no line left, and counts as taken back; '' is none. */
  isRevoked(id: string): boolean {
    return id !== '' && this.get(id)?.revokedAt !== null
  }

  /** When the last certificate expires of the line that began with a token, in milliseconds since 1970; null where none is valid. */
  lineEnd(id: string): number | null {
    return this.#parts.leaves.lineEnds(this.#parts.clock.now()).get(id) ?? null
  }

  /** When a token became void, in milliseconds since 1970; null while it is good. */
  voidSince({ revokedAt, spent, expiresAt }: StoredToken): number | null {
    if (revokedAt !== null) return revokedAt
    if (spent !== null) return spent.at
    return expiresAt !== null && expiresAt <= this.#parts.clock.now() ? expiresAt : null
  }

  /** The first admin token, where there is none at all; null where there is. */
  makeFirstAdmin(): string | null {
    return this.#admins().length > 0 ? null : this.issue(firstAdmin).token
  }

  issue(purpose: TokenPurpose): FreshToken {
    const made = this.#made(purpose)
    this.#parts.tokens.change({ put: [made.stored], drop: this.#forgotten() })
    return made
  }

  /** Null where there is no such token, or it was revoked before. @throws LastAdminToken */
  revoke(id: string): StoredToken | null {
    const stored = this.#parts.tokens.get(id)
    if (stored === null || stored.revokedAt !== null) return null
    if (stored.service === null && this.#admins().length === 1) throw new LastAdminToken('it is the last admin token')
    this.#parts.tokens.change({ put: [this.#revoked(stored)] })
    return stored
  }

  /** Another token in the place of `id`, which is void from now on. @throws RangeError where there is no such token */
  rotate(id: string, by: string): FreshToken {
    const stored = this.#parts.tokens.get(id)
    if (stored === null) throw new RangeError(`there is no token ${id}`)
    const made = this.#made({ service: stored.service, name: stored.name, by })
    this.#parts.tokens.change({ put: [made.stored, this.#revoked(stored)] })
    return made
  }

  /** One new admin token in the place of all that there are: for those who have lost theirs. */
  replaceAdmins(by: string): FreshToken {
    const made = this.#made({ ...firstAdmin, by })
    this.#parts.tokens.change({ put: [made.stored, ...this.#admins().map((admin) => this.#revoked(admin))] })
    return made
  }

  /** Notes for which certificate a single-use token was good: it is void from now on. @throws RangeError where there is no such token */
  spend(id: string, on: Omit<SpentToken, 'at'>): void {
    const stored = this.#parts.tokens.get(id)
    if (stored === null) throw new RangeError(`there is no token ${id}`)
    // Where the certificate ended while its answer could still be asked for, another one was made: the time for that does not begin anew.
    const at = stored.spent?.at ?? this.#parts.clock.now()
    this.#parts.tokens.change({ put: [...this.#withoutAnswers(), { ...stored, spent: { ...on, at } }] })
  }

  /** Admins that are good. */
  #admins(): readonly StoredToken[] {
    return this.all().filter((token) => token.service === null && this.voidSince(token) === null)
  }

  /** Answers that nobody may ask for again are kilobytes each. */
  #withoutAnswers(): StoredToken[] {
    const keptFrom = this.#parts.clock.now() - answerKeptMs
    return this.all().flatMap((token) => {
      const { spent } = token
      return spent === null || spent.certificates === '' || spent.at > keptFrom ? [] : [{ ...token, spent: { ...spent, certificates: '' } }]
    })
  }

  #revoked(stored: StoredToken): StoredToken {
    return { ...stored, revokedAt: this.#parts.clock.now() }
  }

  #forgotten(): string[] {
    const now = this.#parts.clock.now()
    const all = this.all()
      .map((token) => ({ id: token.id, since: this.voidSince(token) }))
      .filter((token): token is { id: string; since: number } => token.since !== null)
      .sort((a, b) => b.since - a.since)
    const old = all.filter(({ since }, place) => place >= mostVoid || now - since >= voidForMs)
    // Whoever takes a token back ends its line, and must find it as long as there is one.
    const lines = old.length === 0 ? null : this.#parts.leaves.lineEnds(now)
    return old.filter(({ id }) => lines?.has(id) !== true).map(({ id }) => id)
  }

  #made({ service, name, by, singleUse = false, expiresInMs = null }: TokenPurpose): FreshToken {
    const id = randomBytes(9).toString('base64url')
    const secret = randomBytes(32).toString('base64url')
    // Fast on purpose: 256 random bits need no slow hash, and every request pays for this one.
    const hash = createHash('sha256').update(secret).digest('hex')
    const createdAt = this.#parts.clock.now()
    const expiresAt = expiresInMs === null ? null : createdAt + expiresInMs
    const stored = { id, hash, service, name, createdAt, createdBy: by, expiresAt, singleUse, spent: null, revokedAt: null }
    return { token: writeToken({ id, secret }, this.#parts.fingerprint?.() ?? null), stored }
  }
}
