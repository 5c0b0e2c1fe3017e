/** How long a call may live: by its own time, by the time its caller has left, and by its caller staying. */
import type { Ambient } from '../kernel/ambient.ts'
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Layer, Send } from '../kernel/layer.ts'
import { ended, type Outcome, type Settler } from '../kernel/outcome.ts'
import { Alarm, type TimerWheel } from '../kernel/timer-wheel.ts'
import { EXPIRED } from '../kernel/verdict.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Time for the whole call, to its last byte; Infinity for none beyond what the call itself brings. */
  readonly timeoutMs: number
}

// Under a tenth of the time that the policy finds right for an answer, no server can be blamed for having none.
const hurriedShare = 0.1

/**
 * Writes `call.deadlineAt` and `call.hurried`: the soonest of the policy's timeout, the call's own, and the inbound request's deadline, so
 * that it only ever shortens. Ends the call when the time is over or the inbound request is given up; both bind until the reply's last
 * byte.
 */
export function deadline(options: DeadlineOptions): Layer {
  const { clock, wheel, timeoutMs } = options
  return (next) => (call) => {
    const ownMs = call.timeoutMs > 0 && call.timeoutMs < timeoutMs ? call.timeoutMs : timeoutMs
    let deadlineAt = call.startedAt + ownMs
    const ambient = call.ambient?.bindsAt(call.startedAt) ? call.ambient : null
    if (ambient !== null && ambient.deadlineAt < deadlineAt) deadlineAt = ambient.deadlineAt
    call.deadlineAt = deadlineAt
    call.hurried = deadlineAt - call.startedAt < timeoutMs * hurriedShare
    if (deadlineAt <= call.startedAt) call.end(EXPIRED)
    if (!call.isOver) ambient?.join(call)
    if (call.isOver) return Promise.resolve(ended(call, clock.now()))
    if (ambient === null && deadlineAt === Number.POSITIVE_INFINITY) return next(call)

    const lifetime = new Lifetime(call, ambient)
    if (deadlineAt !== Number.POSITIVE_INFINITY) wheel.set(lifetime, deadlineAt, call.startedAt)
    return bounded(next, call, lifetime)
  }
}

async function bounded(next: Send, call: Call, lifetime: Lifetime): Promise<Outcome> {
  const outcome = await next(call)
  outcome.whenSettled(lifetime, 0)
  return outcome
}

class Lifetime extends Alarm implements Settler {
  readonly #call: Call
  readonly #ambient: Ambient | null

  constructor(call: Call, ambient: Ambient | null) {
    super(null)
    this.#call = call
    this.#ambient = ambient
  }

  override ring(): void {
    this.#call.end(EXPIRED)
  }

  settled(): void {
    this.clear()
    this.#ambient?.leave(this.#call)
  }
}
