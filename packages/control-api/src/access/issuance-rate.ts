/** How many certificates one may ask for, so that one that runs wild does not take the authority from all others. */
import type { Clock } from '../clock.ts'

interface Bucket {
  left: number
  at: number
}

// The authority signs about a hundred a second on one core: a service alone takes a quarter of it, and two and a half seconds at once.
const perSecond = 25
const burst = 250
// Full buckets are forgotten beyond so many.
const mostBuckets = 1000

/** A token bucket for each asker: a service, or a single-use token. */
export class IssuanceRate {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts a request. False where the asker has asked too often. */
  takes(asker: string): boolean {
    const now = this.#clock.now()
    if (this.#buckets.size >= mostBuckets) this.#forget(now)
    const bucket = this.#buckets.get(asker) ?? { left: burst, at: now }
    this.#buckets.set(asker, bucket)
    bucket.left = leftIn(bucket, now)
    bucket.at = now
    if (bucket.left < 1) return false
    bucket.left -= 1
    return true
  }

  #forget(now: number): void {
    for (const [asker, bucket] of this.#buckets) if (leftIn(bucket, now) >= burst) this.#buckets.delete(asker)
  }
}

function leftIn({ left, at }: Bucket, now: number): number {
  return Math.min(burst, left + (Math.max(0, now - at) * perSecond) / 1000)
}
