/** Makes tokens, and takes them back. */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { StoredToken, TokenStore } from '../store/token-store.ts'

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
}

/** The last admin token cannot be taken back: nobody could make another one. */
export class LastAdminToken extends Error {
  override readonly name = 'LastAdminToken'
}

const firstAdmin = { service: null, name: 'admin', by: 'first start' } as const

/** All changes are durable when a method has returned. */
export class TokenOffice {
  readonly #tokens: TokenStore
  readonly #clock: Clock

  constructor(tokens: TokenStore, clock: Clock) {
    this.#tokens = tokens
    this.#clock = clock
  }

  /** In the order in which they were made. */
  all(): readonly StoredToken[] {
    return [...this.#tokens.all()]
  }

  /** The first admin token, where there is none at all; null where there is. */
  makeFirstAdmin(): string | null {
    return this.#admins().length > 0 ? null : this.issue(firstAdmin).token
  }

  issue(purpose: TokenPurpose): FreshToken {
    const made = this.#made(purpose)
    this.#tokens.change({ add: made.stored })
    return made
  }

  /** Null where there is no such token. @throws LastAdminToken */
  revoke(id: string): StoredToken | null {
    const stored = this.#tokens.get(id)
    if (stored === null) return null
    if (stored.service === null && this.#admins().length === 1) throw new LastAdminToken('it is the last admin token')
    this.#tokens.change({ drop: [id] })
    return stored
  }

  /** Another token in the place of `id`, which is void from now on. @throws RangeError where there is no such token */
  rotate(id: string, by: string): FreshToken {
    const stored = this.#tokens.get(id)
    if (stored === null) throw new RangeError(`there is no token ${id}`)
    const made = this.#made({ service: stored.service, name: stored.name, by })
    this.#tokens.change({ add: made.stored, drop: [id] })
    return made
  }

  /** One new admin token in the place of all that there are: for those who have lost theirs. */
  replaceAdmins(by: string): FreshToken {
    const made = this.#made({ ...firstAdmin, by })
    this.#tokens.change({ add: made.stored, drop: this.#admins().map(({ id }) => id) })
    return made
  }

  #admins(): readonly StoredToken[] {
    return this.all().filter(({ service }) => service === null)
  }

  #made({ service, name, by }: TokenPurpose): FreshToken {
    const id = randomBytes(9).toString('base64url')
    const secret = randomBytes(32).toString('base64url')
    // Fast on purpose: 256 random bits need no slow hash, and every request pays for this one.
    const hash = createHash('sha256').update(secret).digest('hex')
    return { token: `zh_${id}_${secret}`, stored: { id, hash, service, name, createdAt: this.#clock.now(), createdBy: by } }
  }
}
