/** Counts evidence against a server and says when it is enough: failures in a row, or too small a share of successes in a window. */
import { type Evidence, FAILURE, NOTHING, SUCCESS } from './evidence.ts'

/** What is enough. */
export interface TripCriteria {
  /** Failures in a row; 0 turns this criterion off. */
  readonly consecutiveFailures: number
  readonly successRate: { readonly below: number; readonly minCalls: number; readonly windowMs: number } | null
}

// Ten buckets, as Linkerd's and opossum's windows have: a tenth of the window leaves at a time.
const buckets = 10

/** The counters of one destination or endpoint. Criteria may change at any time; counts stay. */
export class TripWire {
  criteria: TripCriteria
  #inARow = 0
  readonly #successes = new Uint32Array(buckets)
  readonly #totals = new Uint32Array(buckets)
  // Where the newest slice of the window is counted, its number since the clock began, and the length of window that gave it this number.
  #at = 0
  #slice = 0
  #windowMs: number

  constructor(criteria: TripCriteria) {
    this.criteria = criteria
    this.#windowMs = criteria.successRate?.windowMs ?? 1
  }

  /**
   * Takes one piece of evidence; returns why it is enough, or '' while it is not. Failures in a row are asked first, as the sharper reason.
   */
  record(evidence: Evidence, now: number): string {
    if (evidence === NOTHING) return ''
    if (evidence === SUCCESS) this.#inARow = 0
    else if (evidence === FAILURE) this.#inARow++
    const { consecutiveFailures, successRate } = this.criteria
    if (successRate !== null) this.#count(evidence === SUCCESS, now, successRate.windowMs)
    if (evidence === SUCCESS) return ''
    if (consecutiveFailures > 0 && this.#inARow >= consecutiveFailures) return `${this.#inARow} failures in a row`
    return successRate === null ? '' : this.#rateReason(successRate)
  }

  /** Forgets everything: what recovers starts anew. */
  reset(): void {
    this.#inARow = 0
    this.#successes.fill(0)
    this.#totals.fill(0)
  }

  #count(success: boolean, now: number, windowMs: number): void {
    this.#advance(now)
    if (windowMs !== this.#windowMs) {
      // The slices of another length have other numbers. What is counted stays, and leaves slice by slice.
      this.#windowMs = windowMs
      this.#slice = sliceOf(now, windowMs)
    }
    if (success) this.#successes[this.#at]!++
    this.#totals[this.#at]!++
  }

  // An outcome that settles late, out of order, counts in the newest slice.
  #advance(now: number): void {
    const slice = sliceOf(now, this.#windowMs)
    // Whatever lies between the newest slice and this one is empty.
    for (let steps = Math.min(slice - this.#slice, buckets); steps > 0; steps--) {
      this.#at = (this.#at + 1) % buckets
      this.#successes[this.#at] = 0
      this.#totals[this.#at] = 0
    }
    if (slice > this.#slice) this.#slice = slice
  }

  #rateReason(policy: { below: number; minCalls: number }): string {
    let successes = 0
    let total = 0
    for (let at = 0; at < buckets; at++) {
      successes += this.#successes[at] as number
      total += this.#totals[at] as number
    }
    // Divided, not multiplied: 55 of 100 are not below 0.55, but 0.55 * 100 is above 55.
    if (total < policy.minCalls || successes / total >= policy.below) return ''
    return `${successes} of ${total} calls succeeded, below ${policy.below}`
  }
}

function sliceOf(now: number, windowMs: number): number {
  return Math.floor((now * buckets) / windowMs)
}
