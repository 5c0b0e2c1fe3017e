/** How long to pause after failures: not at all while another address is left to try, then longer with every round. */
import type { Random } from './clock.ts'

const baseMs = 200
const usualCapMs = 15_000

/** Counts failures in a row over a list of addresses. */
export class BackoffRounds {
  readonly #addresses: number
  readonly #random: Random
  readonly #capMs: number
  #failures = 0

  /** @param capMs the longest pause; 15 s by default */
  constructor(addresses: number, random: Random, capMs = usualCapMs) {
    this.#addresses = addresses
    this.#random = random
    this.#capMs = capMs
  }

  /** One more failure: the pause before the next try, 0 or between 200 ms and the cap. */
  failed(): number {
    this.#failures++
    if (this.#failures % this.#addresses !== 0) return 0
    const round = Math.min(this.#failures / this.#addresses, 16)
    const ceiling = Math.min(this.#capMs, baseMs * 2 ** round)
    // Half of it fixed, half random: a fleet that lost its control API at once does not come back at once.
    return Math.max(baseMs, ceiling / 2 + (this.#random() * ceiling) / 2)
  }

  /** Something worked. */
  succeeded(): void {
    this.#failures = 0
  }
}
