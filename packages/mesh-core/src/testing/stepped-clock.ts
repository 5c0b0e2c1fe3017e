/** A clock that fires its timers within the call that turns it. */
import type { Clock, Timer } from '../kernel/clock.ts'

/** Nothing is awaited, so that a random walk may take many steps, and may say whether the clock is exact. */
export class SteppedClock implements Clock {
  readonly exact: boolean
  /** The timers that are set. */
  timers: { at: number; fire: () => void; alive: boolean }[] = []
  #now = 0

  constructor(exact: boolean) {
    this.exact = exact
  }

  now(): number {
    return this.#now
  }

  setTimer(ms: number, fire: () => void): Timer {
    const timer = { at: this.#now + ms, fire, alive: false }
    this.timers.push(timer)
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer)
      },
      keepAlive: (on) => {
        timer.alive = on
      },
    }
  }

  /** True where a timer would keep the process alive. */
  get keptAlive(): boolean {
    return this.timers.some((timer) => timer.alive)
  }

  /** Turns time forward to `until`, and fires what falls due on the way. */
  turnTo(until: number): void {
    for (;;) {
      const [due] = this.timers.filter((timer) => timer.at <= until).sort((one, other) => one.at - other.at)
      if (due === undefined) break
      this.timers = this.timers.filter((other) => other !== due)
      this.#now = Math.max(this.#now, due.at)
      due.fire()
    }
    this.#now = Math.max(this.#now, until)
  }
}
