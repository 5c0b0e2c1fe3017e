/** How many retries the calls of a destination have earned: a share of the calls, and a few a second besides. */

/** What a budget allows. */
export interface BudgetBounds {
  readonly budgetRatio: number
  readonly budgetMinPerSecond: number
}

// Ten seconds in ten slots (Linkerd, tower): a tenth of the history leaves at a time.
const slots = 10
const slotMs = 1000

/** Counts calls and retries of the last ten seconds. */
export class RetryBudget {
  #bounds: BudgetBounds
  readonly #calls = new Uint32Array(slots)
  readonly #retries = new Uint32Array(slots)
  #callsInAll = 0
  #retriesInAll = 0
  #newest = 0

  constructor(bounds: BudgetBounds) {
    this.#bounds = bounds
  }

  /** Takes new bounds; the history stays. */
  tune(bounds: BudgetBounds): void {
    this.#bounds = bounds
  }

  /** A call comes in. */
  deposit(now: number): void {
    this.#advance(now)
    this.#calls[this.#newest % slots]!++
    this.#callsInAll++
  }

  /** Asks for one retry; false where it has not been earned. */
  withdraw(now: number): boolean {
    this.#advance(now)
    if (this.#left() < 1) return false
    this.#retries[this.#newest % slots]!++
    this.#retriesInAll++
    return true
  }

  /** Retries that could be made now. */
  left(now: number): number {
    this.#advance(now)
    return this.#left()
  }

  #left(): number {
    const earned = this.#callsInAll * this.#bounds.budgetRatio + (this.#bounds.budgetMinPerSecond * slots * slotMs) / 1000
    return Math.max(0, Math.floor(earned - this.#retriesInAll + 1e-9))
  }

  #advance(now: number): void {
    const slot = Math.floor(now / slotMs)
    const behind = slot - this.#newest
    if (behind <= 0) return
    for (let step = 1; step <= Math.min(behind, slots); step++) {
      const at = (this.#newest + step) % slots
      this.#callsInAll -= this.#calls[at] as number
      this.#retriesInAll -= this.#retries[at] as number
      this.#calls[at] = 0
      this.#retries[at] = 0
    }
    this.#newest = slot
  }
}
