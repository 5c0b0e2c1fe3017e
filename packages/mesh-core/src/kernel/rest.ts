/** A pause of a loop, which its owner can end. */
import type { Clock, Timer } from './clock.ts'

/** One per loop. */
export class Rest {
  readonly #clock: Clock
  #timer: Timer | null = null
  #wake: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Waits `ms`, or until `end`. */
  take(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#timer = this.#clock.setTimer(ms, () => this.end())
    })
  }

  /** Ends the pause of the moment; nothing where there is none. */
  end(): void {
    this.#timer?.cancel()
    this.#timer = null
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
