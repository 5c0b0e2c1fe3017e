/** Real time with the face of the fake one, so that one test runs on both fidelities. */
import { type Clock, systemClock } from '../kernel/clock.ts'
import { parseDuration } from '../policy/units.ts'

/** A clock that a test can wait on. */
export interface TestClock extends Clock {
  /** Lets time pass: turned by hand in fidelity `direct`, waited for in `wire`. Milliseconds, or a duration such as `'2s'`. */
  advance(by: number | string): Promise<void>
}

/** The process's own clock; `advance` waits. */
export const realClock: TestClock = {
  ...systemClock,
  advance: (by) => {
    const ms = parseDuration(by)
    if (ms === null) throw new Error(`advance(${JSON.stringify(by)}): expected milliseconds or a duration such as "2s"`)
    return new Promise((resolve) => setTimeout(resolve, ms))
  },
}
