/** The one judge of what an outcome says about the server: breaker and outlier ask it, so that they cannot disagree. */
import type { Outcome } from './outcome.ts'
import { BROKEN, EXPIRED, FAULT, LATE, OK, REJECTED, THROTTLED, UNAVAILABLE, UNREACHED, type Verdict } from './verdict.ts'

/** Says nothing about the server: the caller left, or the mesh refused before anything was sent. */
export const NOTHING = 0
/** The server did its work; a 4xx is the caller's fault and a success of the server's. */
export const SUCCESS = 1
/** The server failed. */
export const FAILURE = 2
/** The server asked for less: counts against the share of successes and fails a probe, but is no failure in a row (Linkerd). */
export const THROTTLE = 3

/** What an outcome says about the server. */
export type Evidence = typeof NOTHING | typeof SUCCESS | typeof FAILURE | typeof THROTTLE

const failures = UNAVAILABLE | FAULT | LATE | EXPIRED | UNREACHED | BROKEN

/** Weighs an outcome by its final verdict; a head that was a failure stays one, however its body ends. */
export function weigh(outcome: Outcome, end: Verdict): Evidence {
  // Retry throws the body of a 503 away, and many callers do the same: that must not turn a failure into nothing.
  const final = (outcome.verdict & (OK | REJECTED)) === 0 ? outcome.verdict : end
  if ((final & (OK | REJECTED)) !== 0) return SUCCESS
  if (final === THROTTLED) return THROTTLE
  // A call that went nowhere says nothing about any server; nor does a connection that the server had closed while it was idle.
  if ((final & failures) === 0 || outcome.endpoint === null || outcome.staleConnection) return NOTHING
  // Or else whoever writes a deadline of a millisecond on its requests could open our breakers to everybody else.
  if (final === EXPIRED && outcome.hurried) return NOTHING
  // What this process lacks is not the server's fault.
  if (outcome.code === 'NO_IDENTITY') return NOTHING
  return FAILURE
}
