/** So many calls a second, and a burst of so many at once. */

/** What bounds a bucket. */
export interface RateBounds {
  readonly perSecond: number
  readonly burst: number
}

// Fractions of tokens add up with errors of rounding; without this allowance one caller in 500 who came back when told was sent away again.
const oneToken = 1 - 1e-6

/** Fills evenly, spends one token a call. */
export class TokenBucket {
  #bounds: RateBounds | null = null
  #tokens = 0
  #filledAt = 0

  /** Takes new bounds, null for none. A bucket that is there already keeps its tokens, up to the new burst. */
  tune(bounds: RateBounds | null, now: number): void {
    if (bounds !== null && this.#bounds === null) this.#tokens = bounds.burst
    else this.#fill(now)
    this.#bounds = bounds
    this.#filledAt = now
    if (bounds !== null) this.#tokens = Math.min(this.#tokens, bounds.burst)
  }

  /** Spends a token: 0 where there was one, otherwise the time in ms until there will be. */
  take(now: number): number {
    if (this.#bounds === null) return 0
    this.#fill(now)
    if (this.#tokens >= oneToken) {
      this.#tokens--
      return 0
    }
    return ((1 - this.#tokens) * 1000) / this.#bounds.perSecond
  }

  #fill(now: number): void {
    if (this.#bounds === null || now <= this.#filledAt) return
    this.#tokens = Math.min(this.#bounds.burst, this.#tokens + ((now - this.#filledAt) * this.#bounds.perSecond) / 1000)
    this.#filledAt = now
  }
}
