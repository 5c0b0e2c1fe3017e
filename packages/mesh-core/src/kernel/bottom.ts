/** The one way to write a bottom: a Send that answers through a callback, and has no way to reject. */
import type { Call } from './call.ts'
import type { Send } from './layer.ts'
import { type Outcome, wholeOutcome } from './outcome.ts'
import { BROKEN } from './verdict.ts'

/**
 * Makes the Send of a bottom. A Send that rejected would never give back what the layers above it hold: places, probes, alarms.
 * @param begin starts one attempt and gives its outcome, now or later; what it throws, a bug, ends the attempt as BROKEN
 */
export function bottomSend(begin: (call: Call, give: (outcome: Outcome) => void) => void): Send {
  return (call) =>
    new Promise((give) => {
      try {
        begin(call, give)
      } catch (error) {
        give(brokenBy(call, error))
        // What had begun takes back its alarms and its place in lines. The outcome that it gives comes too late to count.
        const begun = call.cancel
        call.cancel = null
        begun?.cancelled(call)
      }
    })
}

function brokenBy(call: Call, thrown: unknown): Outcome {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return wholeOutcome(call, BROKEN, { error, at: Math.max(call.startedAt, call.attemptAt) })
}
