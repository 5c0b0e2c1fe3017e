/** When the first of the two certificates of a connection expires, by two clocks: the one that comes to it first counts. */
import type { Identity, Peer } from '../kernel/identity.ts'

// A call asks more than once, when it takes the connection and when it begins there. The clock of the wall is read for it once.
const readEveryMs = 1

const systemWall = (): number => Date.now()

/** One per connection. Moments are told by the mesh's clock. */
export class Expiry {
  /** That of a connection in plaintext. */
  static readonly never: Expiry = new Expiry(Number.POSITIVE_INFINITY, 0)
  readonly #notAfter: number
  readonly #wallNow: () => number
  // The monotonic clock stands still while a machine sleeps, and the other one can be set back: each alone would be late.
  readonly #endsAt: number
  #wallEndsAt: number
  #readAt: number

  /**
   * @param notAfter when it is, in milliseconds since 1970; Infinity: never
   * @param now the moment in which this is known
   */
  constructor(notAfter: number, now: number, wallNow: () => number = systemWall) {
    this.#notAfter = notAfter
    this.#wallNow = wallNow
    this.#endsAt = now + (notAfter - wallNow())
    this.#wallEndsAt = this.#endsAt
    this.#readAt = notAfter === Number.POSITIVE_INFINITY ? notAfter : now
  }

  /** Milliseconds that are left: 0 or less where no request may begin any more. */
  leftMs(now: number): number {
    if (now - this.#readAt >= readEveryMs) {
      this.#readAt = now
      this.#wallEndsAt = now + (this.#notAfter - this.#wallNow())
    }
    return Math.min(this.#endsAt, this.#wallEndsAt) - now
  }
}

/** Of a connection between `identity`, null over plaintext, and `peer`. */
export function expiryOf(identity: Identity | null, peer: Peer, now: number): Expiry {
  return identity === null ? Expiry.never : new Expiry(Math.min(identity.notAfter, peer.notAfter), now)
}
