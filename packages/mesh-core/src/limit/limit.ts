/** Bounds the calls under way at once; those beyond wait in a line of bounded length. */
import type { Layer } from '../kernel/layer.ts'
import type { Gate } from './gate.ts'

/** One place for the whole call, to its reply's last byte. */
export function limit(gate: Gate): Layer {
  return (next) => async (call) => {
    if (!gate.tryEnter()) {
      const refused = await gate.wait(call)
      if (refused !== null) return refused
      // Between the handing over of a place and this line the call may have ended, and then nobody below may begin.
      if (call.isOver) return gate.turnAway(call)
    }
    const outcome = await next(call)
    outcome.whenSettled(gate, 0)
    return outcome
  }
}
