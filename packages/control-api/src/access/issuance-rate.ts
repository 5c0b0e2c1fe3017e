/** How many certificates one may ask for, so that one that runs wild takes neither the authority nor its store from all others. */
import type { Clock } from '../clock.ts'

/** So many at once, and so many more with the time. */
interface Allowance {
  readonly most: number
  readonly perMs: number
}

/** What is left of each allowance. */
interface Bucket {
  left: readonly number[]
  at: number
}

// The authority signs about a hundred a second on one core: a service alone takes a quarter of it, and two and a half seconds at once.
const signing: Allowance = { most: 250, perMs: 25 / 1000 }
// The largest service that documents are made for. Its instances renew after 35 % of a certificate's life at the earliest.
const instances = 10_000
const renewedAfter = 0.35
// Full buckets are forgotten beyond so many.
const mostBuckets = 1000

/** A token bucket for each asker: a service, or a single-use token. */
export class IssuanceRate {
  readonly #clock: Clock
  readonly #allowances: readonly Allowance[]
  readonly #buckets = new Map<string, Bucket>()

  /** @param leafLifeMs how long a certificate is valid: nobody needs more of them than that calls for, and none is forgotten sooner */
  constructor(clock: Clock, leafLifeMs: number) {
    this.#clock = clock
    // Twice: all of a service are started anew, and then all are renewed, as a rotation of the root wants it.
    this.#allowances = [signing, { most: 2 * instances, perMs: instances / (renewedAfter * leafLifeMs) }]
  }

  /** Counts a request. False where the asker has asked too often. */
  takes(asker: string): boolean {
    const now = this.#clock.now()
    if (this.#buckets.size >= mostBuckets) this.#forget(now)
    const left = this.#leftIn(this.#buckets.get(asker), now)
    const isGranted = left.every((one) => one >= 1)
    this.#buckets.set(asker, { left: isGranted ? left.map((one) => one - 1) : left, at: now })
    return isGranted
  }

  #forget(now: number): void {
    for (const [asker, bucket] of this.#buckets) {
      const left = this.#leftIn(bucket, now)
      if (this.#allowances.every(({ most }, place) => left[place] === most)) this.#buckets.delete(asker)
    }
  }

  #leftIn(bucket: Bucket | undefined, now: number): readonly number[] {
    return this.#allowances.map(({ most, perMs }, place) =>
      bucket === undefined ? most : Math.min(most, (bucket.left[place] as number) + Math.max(0, now - bucket.at) * perMs),
    )
  }
}
