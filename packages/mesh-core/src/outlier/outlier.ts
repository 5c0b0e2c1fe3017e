/** Marks endpoints that fail; never refuses a call. */
import type { Layer } from '../kernel/layer.ts'
import { Ejection } from './ejection.ts'

/** Takes each attempt's outcome into account against its endpoint, to the reply's last byte. */
export function outlier(): Layer {
  return (next) => async (call) => {
    const guard = call.endpoint?.guard
    // No guard: the policy that asked for one was replaced while the call was on its way.
    if (!(guard instanceof Ejection)) return next(call)
    const epoch = guard.enter(call.attemptAt)
    const outcome = await next(call)
    // A probe is decided by its head: an endless body must not keep the endpoint out for ever.
    if (guard.isProbe(epoch)) guard.settled(outcome, outcome.verdict, epoch)
    else outcome.whenSettled(guard, epoch)
    return outcome
  }
}
