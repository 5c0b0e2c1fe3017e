/** Holds a program back until there is something to begin with, and no longer than two seconds. */
import type { Clock, Timer } from '../kernel/clock.ts'

// How long a program that waits is held back.
const startMs = 2000

/** One per mesh. */
export class StartDecision {
  readonly #clock: Clock
  readonly #made = Promise.withResolvers<void>()
  #timer: Timer | null = null
  /** True once it was decided to begin, with something or without. */
  isMade = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Begins to count the time; `late` is called where nothing came in it. */
  begin(late: (limitMs: number) => void): void {
    if (this.isMade) return
    this.#timer = this.#clock.setTimer(startMs, () => {
      late(startMs)
      this.make()
    })
  }

  /** Resolves once it is made; keeps the process alive for as long. */
  wait(): Promise<void> {
    this.#timer?.keepAlive(true)
    return this.#made.promise
  }

  /** There is something, or nothing more to wait for. */
  make(): void {
    if (this.isMade) return
    this.isMade = true
    this.#timer?.cancel()
    this.#timer = null
    this.#made.resolve()
  }
}
