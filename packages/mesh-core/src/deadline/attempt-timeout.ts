/** Time for one attempt, on the wire only: waiting for slots, pauses and endpoints is not counted. */
import type { Call } from '../kernel/call.ts'
import type { Layer } from '../kernel/layer.ts'
import { Alarm, type TimerWheel } from '../kernel/timer-wheel.ts'
import { LATE } from '../kernel/verdict.ts'

/**
 * Ends the attempt as LATE when no head has come by then. Once the head is here the call is committed, and only its deadline bounds the rest
 * (as Envoy's per-try timeout). The server is not told of this time, for it would keep it to the last byte.
 */
export function attemptTimeout(wheel: TimerWheel, timeoutMs: number): Layer {
  return (next) => async (call) => {
    const dueAt = call.attemptAt + timeoutMs
    // The deadline comes first: one alarm is enough.
    if (dueAt >= call.deadlineAt) return next(call)
    const alarm = new LateAlarm(call)
    wheel.set(alarm, dueAt, call.attemptAt)
    const outcome = await next(call)
    alarm.clear()
    return outcome
  }
}

class LateAlarm extends Alarm {
  readonly #call: Call

  constructor(call: Call) {
    super(null)
    this.#call = call
  }

  override ring(): void {
    this.#call.end(LATE)
  }
}
