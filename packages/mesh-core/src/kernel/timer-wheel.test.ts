/** Alarms ring in time, never early, and leave nothing behind. */
import { array, assert, constantFrom, double, integer, oneof, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { SteppedClock } from '../testing/stepped-clock.ts'
import type { Clock } from './clock.ts'
import { Alarm, TimerWheel } from './timer-wheel.ts'

class Recorder extends Alarm {
  readonly rung: number[] = []
  readonly #clock: Clock
  readonly #also: (alarm: Recorder) => void

  constructor(clock: Clock, also: (alarm: Recorder) => void = () => {}) {
    super(null)
    this.#clock = clock
    this.#also = also
  }

  override ring(): void {
    this.rung.push(this.#clock.now())
    this.#also(this)
  }
}

describe('a timer wheel', () => {
  test('rings each alarm at its time, once, in the order of their times', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    const alarms = [30, 10, 20, 10].map((at) => {
      const alarm = new Recorder(clock)
      wheel.set(alarm, at, 0)
      return alarm
    })
    expect(wheel.armed).toBe(4)
    await clock.advance(100)
    expect(alarms.map((alarm) => alarm.rung)).toEqual([[30], [10], [20], [10]])
    expect(wheel.armed).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('keeps the nearest alarm when one that rings sets itself anew, far off', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    const again = new Recorder(clock, (alarm) => {
      if (alarm.rung.length === 1) wheel.set(alarm, 1000, clock.now())
    })
    const near = new Recorder(clock)
    wheel.set(again, 10, 0)
    wheel.set(near, 20, 0)
    await clock.advance(50)
    expect(near.rung).toEqual([20])
    await clock.advance(1000)
    expect(again.rung).toEqual([10, 1000])
  })

  test('does not ring an alarm that another one of its bucket has cleared', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    const one: Recorder = new Recorder(clock, () => other.clear())
    const other: Recorder = new Recorder(clock, () => one.clear())
    wheel.set(one, 10, 0)
    wheel.set(other, 10, 0)
    await clock.advance(10)
    expect(one.rung.length + other.rung.length).toBe(1)
    expect(wheel.armed).toBe(0)
  })

  test('moves an alarm that is set twice, and forgets one that is cleared twice', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    const moved = new Recorder(clock)
    const cleared = new Recorder(clock)
    wheel.set(moved, 10, 0)
    wheel.set(moved, 40, 0)
    wheel.set(cleared, 20, 0)
    cleared.clear()
    cleared.clear()
    expect(wheel.armed).toBe(1)
    await clock.advance(100)
    expect(moved.rung).toEqual([40])
    expect(cleared.rung).toEqual([])
  })

  test('rings the owner of an alarm that has one', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    let alarms = 0
    wheel.set(new Alarm({ alarm: () => alarms++ }), 5, 0)
    await clock.advance(5)
    expect(alarms).toBe(1)
  })

  test('rings an alarm whose time has passed at the next turn', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    await clock.advance(100)
    const alarm = new Recorder(clock)
    wheel.set(alarm, 40, 100)
    expect(alarm.rung).toEqual([])
    await clock.advance(0)
    expect(alarm.rung).toEqual([100])
  })

  test('is on time although the time it was given had been read a while ago', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    await clock.advance(30)
    const alarm = new Recorder(clock)
    wheel.set(alarm, 50, 0)
    await clock.advance(100)
    expect(alarm.rung).toEqual([50])
  })

  test('shares one timer among all alarms, and wakes for none that was cleared', () => {
    const clock = new SteppedClock(false)
    const wheel = new TimerWheel(clock)
    for (let at = 10_000; at < 20_000; at++) {
      const alarm = new Recorder(clock)
      wheel.set(alarm, at, 0)
      alarm.clear()
      expect(clock.timers.length).toBeLessThanOrEqual(1)
    }
    clock.turnTo(10_100)
    expect(clock.timers).toEqual([])
  })

  test('rings the others when one throws, and reports what was thrown', async () => {
    const clock = new SteppedClock(true)
    const wheel = new TimerWheel(clock)
    const alarms = [10, 10, 20].map((at, n) => {
      const alarm = new Recorder(clock, () => {
        if (n < 2) throw new Error(`alarm ${n}`)
      })
      wheel.set(alarm, at, 0)
      return alarm
    })
    const reported: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => reported.push((error as Error).message))
    clock.turnTo(30)
    await new Promise((resolve) => setImmediate(resolve))
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(alarms.map((alarm) => alarm.rung)).toEqual([[10], [10], [20]])
    expect(reported.sort()).toEqual(['alarm 0', 'alarm 1'])
  })

  test('keeps the process alive exactly while an alarm is set', () => {
    const clock = new SteppedClock(true)
    const wheel = new TimerWheel(clock)
    const alarms = [10, 20, 30].map((at) => {
      const alarm = new Recorder(clock)
      wheel.set(alarm, at, 0)
      return alarm
    })
    expect(clock.keptAlive).toBe(true)
    clock.turnTo(10)
    expect(clock.keptAlive).toBe(true)
    for (const alarm of alarms) alarm.clear()
    expect([clock.timers.length, clock.keptAlive]).toEqual([1, false])
    wheel.set(alarms[0] as Recorder, 90, 10)
    expect(clock.keptAlive).toBe(true)
    clock.turnTo(50)
    expect([clock.timers.length, clock.keptAlive]).toEqual([1, true])
    clock.turnTo(100)
    expect(clock.keptAlive).toBe(false)
  })

  test('gives its timer back when it stops, unless somebody still waits', async () => {
    const clock = fakeClock()
    const wheel = new TimerWheel(clock)
    const waited = new Recorder(clock)
    const cleared = new Recorder(clock)
    wheel.set(cleared, 10, 0)
    cleared.clear()
    wheel.stop()
    expect(clock.pending).toBe(0)
    wheel.set(waited, 20, 0)
    wheel.stop()
    await clock.advance(50)
    expect(waited.rung).toEqual([20])
    expect(clock.pending).toBe(0)
    wheel.set(cleared, 90, 50)
    expect(clock.pending).toBe(1)
    cleared.clear()
    expect(clock.pending).toBe(0)
  })
})

const step = record({
  act: constantFrom<'set' | 'clear' | 'turn'>('set', 'set', 'set', 'clear', 'turn'),
  alarm: integer({ min: 0, max: 7 }),
  ms: oneof(integer({ min: 0, max: 600 }), integer({ min: 0, max: 2 ** 31 }), double({ min: 0, max: 5000, noNaN: true })),
  // Where it is above 0, the alarm sets itself anew this far off when it rings.
  againMs: constantFrom(0, 0, 0, 5, 900),
})

test.each([true, false])(
  'whatever is set and cleared, alarms ring once, never early, and late within bounds (exact clock: %s)',
  (exact) => {
    assert(
      property(array(step, { maxLength: 60 }), (steps) => {
        const clock = new SteppedClock(exact)
        const wheel = new TimerWheel(clock)
        // The model: when each alarm was set, and for when.
        const due = new Map<Recorder, { setAt: number; at: number }>()
        const again = new Map<Recorder, number>()
        const set = (alarm: Recorder, ms: number): void => {
          const setAt = clock.now()
          due.set(alarm, { setAt, at: setAt + ms })
          wheel.set(alarm, setAt + ms, setAt)
        }
        const boundOf = ({ setAt, at }: { setAt: number; at: number }): number => (exact ? 0 : Math.max(1, (at - setAt) / 256))
        const alarms = Array.from({ length: 8 }, () => {
          return new Recorder(clock, (alarm) => {
            const model = due.get(alarm)
            if (model === undefined) throw new Error('rang without being set')
            due.delete(alarm)
            expect(clock.now()).toBeGreaterThanOrEqual(model.at)
            expect(clock.now() - model.at).toBeLessThanOrEqual(boundOf(model))
            const againMs = again.get(alarm) ?? 0
            again.delete(alarm)
            if (againMs > 0) set(alarm, againMs)
          })
        })
        for (const { act, alarm: n, ms, againMs } of steps) {
          const alarm = alarms[n] as Recorder
          if (act === 'set') {
            set(alarm, ms)
            again.set(alarm, againMs)
          } else if (act === 'clear') {
            alarm.clear()
            due.delete(alarm)
          } else clock.turnTo(clock.now() + ms)
          expect(wheel.armed).toBe(due.size)
          for (const model of due.values()) expect(model.at + boundOf(model)).toBeGreaterThanOrEqual(clock.now())
        }
        clock.turnTo(clock.now() + 2 ** 33)
        expect(wheel.armed).toBe(0)
        expect(due.size).toBe(0)
        expect(clock.timers).toEqual([])
      }),
    )
  },
)
