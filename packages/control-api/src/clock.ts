/** Time as the control API sees it: the wall's, because leases and histories outlive the process. */

/** Injected wherever something is dated or waits, so that a test can turn time by hand. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `fire` once, `ms` milliseconds from now; does not keep the process alive. */
  setTimer(ms: number, fire: () => void): { cancel(): void }
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(ms, fire) {
    const handle = setTimeout(fire, ms)
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
