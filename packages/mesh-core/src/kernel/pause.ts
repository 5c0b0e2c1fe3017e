/** A wait that ends early when the call does. */
import type { Call, Waiting } from './call.ts'
import type { Clock } from './clock.ts'
import { Alarm, type TimerWheel } from './timer-wheel.ts'

/** Waits `ms`, or until the call or its attempt ends; not at all where the call is over. Ask `call.ending` afterwards. */
export function pause(call: Call, ms: number, time: { clock: Clock; wheel: TimerWheel }): Promise<void> {
  // An attempt that was late is no reason: this may be the pause that follows it.
  if (call.isOver) return Promise.resolve()
  return new Promise((resolve) => {
    const now = time.clock.now()
    const wait = new Pause(call, resolve)
    call.cancel = wait
    time.wheel.set(wait, now + ms, now)
  })
}

class Pause extends Alarm implements Waiting {
  readonly #call: Call
  readonly #resolve: () => void

  constructor(call: Call, resolve: () => void) {
    super(null)
    this.#call = call
    this.#resolve = resolve
  }

  override ring(): void {
    if (this.#call.cancel === this) this.#call.cancel = null
    this.#resolve()
  }

  cancelled(): void {
    this.clear()
    this.#resolve()
  }
}
