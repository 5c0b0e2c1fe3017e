/** What tests connect from: the machine's sockets and time, unless a test says otherwise. */
import { systemClock } from '../kernel/clock.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import type { DialGround } from './dial-ground.ts'

/** Ends what was tied to it at the end of the block that made it. */
export function groundUnderTest(options: Partial<DialGround> = {}): DialGround & AsyncDisposable {
  const things = new Map<string, unknown>()
  const closables: { close(): Promise<void> }[] = []
  const clock = options.clock ?? systemClock
  return {
    wheel: new TimerWheel(clock),
    identity: null,
    network: null,
    ...options,
    clock,
    once: <T>(key: string, make: () => T): T => {
      if (!things.has(key)) things.set(key, make())
      return things.get(key) as T
    },
    closeWith: (thing) => void closables.push(thing),
    [Symbol.asyncDispose]: async () => {
      for (const thing of closables) await thing.close()
    },
  }
}
