/** Injects delays and errors innermost, so that retries, timeouts and breakers above must believe them. */
import type { Call } from '../kernel/call.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Layer } from '../kernel/layer.ts'
import { ended, type Outcome } from '../kernel/outcome.ts'
import { pause } from '../kernel/pause.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'
import type { FaultPolicy } from '../policy/index.ts'

export interface FaultOptions {
  readonly policy: FaultPolicy
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly random: Random
  /** Makes the wire's own answer of a status. */
  readonly answer: (call: Call, status: number) => Outcome
}

export function fault(options: FaultOptions): Layer {
  const { delay, abort } = options.policy
  return (next) => async (call) => {
    if (delay !== null && options.random() < delay.ratio) {
      await pause(call, delay.forMs, options)
      if (call.ending !== 0) return ended(call, options.clock.now())
    }
    if (abort !== null && options.random() < abort.ratio) return options.answer(call, abort.status)
    return next(call)
  }
}
