/** A clock that stands still until a test turns it. */
import type { Clock, Timer } from '../kernel/clock.ts'
import { parseDuration } from '../policy/units.ts'

/** Virtual time: timers fire in the order of their due times, and only while {@link FakeClock.advance} runs. */
export interface FakeClock extends Clock {
  /** How many timers are set: a test asks that it returns to zero. */
  readonly pending: number
  /**
   * Turns time forward by milliseconds, or by a duration such as `'2s'`, and fires what falls due, timers that are set on the way included.
   * Work that waits on promises is let run before the first timer, between two timers, and after the last one. `advance(0)` only lets it
   * run.
   * @throws Error where another `advance` is still under way, or for a duration that is none
   */
  advance(by: number | string): Promise<void>
}

/** A new clock at time 0. */
export function fakeClock(): FakeClock {
  return new HandTurnedClock()
}

class FakeTimer implements Timer {
  readonly dueAt: number
  readonly fire: () => void
  readonly #line: FakeTimer[]

  constructor(dueAt: number, fire: () => void, line: FakeTimer[]) {
    this.dueAt = dueAt
    this.fire = fire
    this.#line = line
  }

  cancel(): void {
    const at = this.#line.indexOf(this)
    if (at >= 0) this.#line.splice(at, 1)
  }

  // No timer of the runtime stands behind this one.
  keepAlive(): void {}
}

class HandTurnedClock implements FakeClock {
  readonly exact = true
  #now = 0
  #turning = false
  // In the order in which they fire: by due time, equals in the order in which they were set.
  readonly #line: FakeTimer[] = []

  get pending(): number {
    return this.#line.length
  }

  now(): number {
    return this.#now
  }

  setTimer(ms: number, fire: () => void): Timer {
    const timer = new FakeTimer(this.#now + Math.max(ms, 0), fire, this.#line)
    this.#line.splice(placeAfter(this.#line, timer.dueAt), 0, timer)
    return timer
  }

  async advance(by: number | string): Promise<void> {
    const ms = parseDuration(by)
    if (ms === null) throw new Error(`advance(${JSON.stringify(by)}): expected milliseconds or a duration such as "2s"`)
    if (this.#turning) throw new Error('advance() is still under way: await it before turning the clock again')
    this.#turning = true
    try {
      const until = this.#now + ms
      await settled()
      for (let next = this.#line[0]; next !== undefined && next.dueAt <= until; next = this.#line[0]) {
        this.#line.shift()
        this.#now = next.dueAt
        next.fire()
        await settled()
      }
      this.#now = until
    } finally {
      this.#turning = false
    }
  }
}

function placeAfter(line: readonly FakeTimer[], dueAt: number): number {
  let low = 0
  let high = line.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((line[middle] as FakeTimer).dueAt <= dueAt) low = middle + 1
    else high = middle
  }
  return low
}

// One turn of the event loop runs every microtask and tick to its end; more than one, for what hops through setImmediate, as stream
// pipelines do. Eight: the longest chain in the repository, a streamed body through a scripted service, hops three times.
const turns = 8

async function settled(): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
