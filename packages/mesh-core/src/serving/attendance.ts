/** How many are there, connections of a server say, and whoever waits until they have gone. */
import type { Clock } from '../kernel/clock.ts'

// Callers who still have this server on their lists come again within a few ms when they are busy; those who are not are unlikely to come
// right then.
const quietMs = 100

/** One per server. */
export class Attendance {
  readonly #clock: Clock
  #present = 0
  #arrivals = 0
  #whenEmpty: (() => void)[] = []
  #endQuiet = (): void => {}
  #over = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many are there now. */
  get size(): number {
    return this.#present
  }

  /** One has come. */
  arrive(): void {
    this.#arrivals++
    this.#present++
  }

  /** One has gone. */
  leave(): void {
    if (--this.#present > 0) return
    const waiting = this.#whenEmpty
    this.#whenEmpty = []
    for (const resolve of waiting) resolve()
  }

  /** Nobody waits any longer for it to be quiet. */
  endQuiet(): void {
    this.#over = true
    this.#endQuiet()
  }

  /**
   * Resolves once nobody is left and for a while nobody has come, or after `ms`: whoever ceases to listen cuts those off who are being taken
   * in.
   */
  async quietWithin(ms: number): Promise<void> {
    const dueAt = this.#clock.now() + ms
    for (;;) {
      await this.emptyWithin(dueAt - this.#clock.now())
      const arrivals = this.#arrivals
      const leftMs = dueAt - this.#clock.now()
      if (arrivals === 0 || leftMs <= 0 || this.#over) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#endQuiet = resolve
      const timer = this.#clock.setTimer(Math.min(quietMs, leftMs), resolve)
      await promise
      timer.cancel()
      if (arrivals === this.#arrivals) return
    }
  }

  /** Resolves once nobody is left, or after `ms`. */
  async emptyWithin(ms: number): Promise<void> {
    if (this.#present === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty.push(resolve)
    const timer = this.#clock.setTimer(Math.max(ms, 0), resolve)
    await promise
    timer.cancel()
    this.#whenEmpty = this.#whenEmpty.filter((waiting) => waiting !== resolve)
  }
}
