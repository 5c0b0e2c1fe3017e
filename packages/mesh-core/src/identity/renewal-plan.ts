/** When the next certificate is asked for: a moment by two clocks, whichever comes first. */
import type { Clock, Random } from '../kernel/clock.ts'

// Between 35 % and 45 % of its life. An outage of half a life then ends at 95 % of it at the latest, whenever it began, and a fleet that was started at
// once does not renew at once.
const earliestShare = 0.35
const spreadShare = 0.1
const forcedSpreadMs = 30_000

/** What it counts by. */
export interface RenewalTime {
  readonly clock: Clock
  readonly random: Random
  /** Milliseconds since 1970. */
  readonly wallNow: () => number
}

/** One per identity. At first a certificate is due at once. */
export class RenewalPlan {
  readonly #time: RenewalTime
  /** The monotonic clock stands still while a machine sleeps, and the other one can be set back: each alone would be late. */
  #due = { byClock: Number.NEGATIVE_INFINITY, byWall: Number.NEGATIVE_INFINITY }

  constructor(time: RenewalTime) {
    this.#time = time
  }

  /** How long until it is due; 0 or less: now. */
  get waitMs(): number {
    const { clock, wallNow } = this.#time
    return Math.min(this.#due.byClock - clock.now(), this.#due.byWall - wallNow())
  }

  /** In so many milliseconds, whatever was planned before. */
  in(ms: number): void {
    this.#due = { byClock: this.#time.clock.now() + ms, byWall: this.#time.wallNow() + ms }
  }

  /** A certificate came that is valid for so long yet. */
  issued(lifeMs: number): void {
    this.in(lifeMs * (earliestShare + this.#time.random() * spreadShare))
  }

  /** A new one is wanted of everybody: at a random point of the next 30 s, unless one is due before that. */
  forced(): void {
    const ms = this.#time.random() * forcedSpreadMs
    if (ms < this.waitMs) this.in(ms)
  }
}
