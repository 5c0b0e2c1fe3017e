/** Time as the mesh sees it: monotonic, injectable, and a reason for the process to stay alive only while somebody waits for it. */

/** A timer that was set and can be taken back. */
export interface Timer {
  /** Takes the timer back; harmless when it has fired. */
  cancel(): void
  /** Says whether the process must stay alive for this timer; at first it need not. */
  keepAlive(on: boolean): void
}

/** A monotonic clock; everything that waits takes one, so that a test can turn time by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes backwards. */
  now(): number
  /** Calls `fire` once, `ms` milliseconds from now; the timer is unref'd. */
  setTimer(ms: number, fire: () => void): Timer
  /** True where timers fire to the millisecond, so that a wheel above it must not round. */
  readonly exact: boolean
}

/** Numbers from [0, 1), injectable so that a seed makes a run repeatable. */
export type Random = () => number

// setTimeout takes a signed 32-bit delay and fires at once beyond it.
const longestDelayMs = 2 ** 31 - 1

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout

  constructor(ms: number, fire: () => void) {
    this.#handle = setTimeout(fire, Math.min(ms, longestDelayMs))
    this.#handle.unref()
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }

  keepAlive(on: boolean): void {
    if (on) this.#handle.ref()
    else this.#handle.unref()
  }
}

/** The process's own monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (ms, fire) => new SystemTimer(ms, fire),
  exact: false,
}
