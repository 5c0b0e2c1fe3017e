/** Refuses calls to a destination that keeps failing, so that nothing below costs anything and the destination can recover. */
import type { Clock } from '../kernel/clock.ts'
import type { Layer } from '../kernel/layer.ts'
import { refusal } from '../kernel/outcome.ts'
import { isUnready } from '../kernel/unready.ts'
import { type Circuit, shut } from './circuit.ts'

/** Asks the circuit of the call's version; a failing v2 does not close the door on v1. */
export function breaker(clock: Clock, circuitOf: (version: string) => Circuit): Layer {
  return (next) => async (call) => {
    const circuit = circuitOf(call.version)
    const epoch = circuit.enter()
    if (epoch === shut) return refusal(call, 'BREAKER_OPEN', clock.now())
    const outcome = await next(call)
    // A probe is decided by its head, good or bad: a long body must not keep the door closed to everybody else.
    if (circuit.isProbe(epoch)) circuit.settled(outcome, outcome.verdict, epoch)
    // A call that waits until the destination is ready is one call, however often it looks.
    else if (call.waited === 0 || !isUnready(outcome)) outcome.whenSettled(circuit, epoch)
    return outcome
  }
}
