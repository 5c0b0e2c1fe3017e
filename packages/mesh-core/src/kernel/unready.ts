/** Which outcomes say that a destination is not ready: whoever may wait for it asks, so that nobody counts the wait as calls. */
import type { Outcome } from './outcome.ts'
import { UNREACHED } from './verdict.ts'

/** True where nothing of the call has left this process, for a reason that may pass. */
export function isUnready(outcome: Outcome): boolean {
  // With a reply it was a peer who refused above its handler: it is there, and has enough to do.
  if (outcome.reply !== null) return false
  if (outcome.verdict === UNREACHED) return outcome.code !== 'WRONG_PEER'
  return outcome.code === 'NO_ENDPOINT' || outcome.code === 'BREAKER_OPEN'
}
