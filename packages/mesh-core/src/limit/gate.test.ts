/** A gate lets in as many as its bounds say, in the order in which they came, and counts no one twice. */
import { array, assert, asyncProperty, constantFrom, integer, option, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import type { Outcome } from '../kernel/outcome.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { CANCELLED, EXPIRED } from '../kernel/verdict.ts'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { Gate, type GateBounds } from './gate.ts'

const newCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

const forEver = Number.POSITIVE_INFINITY

function newGate(bounds: GateBounds | null): { gate: Gate; clock: FakeClock; wheel: TimerWheel } {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const gate = new Gate(clock, wheel)
  gate.tune(bounds)
  return { gate, clock, wheel }
}

/** Stands in line and notes how it ended: 'in', or the code of the refusal. */
function lineUp(gate: Gate, call: Call, told: (how: string) => void): void {
  void gate.wait(call).then((refused) => told(refused === null ? 'in' : (refused as Outcome).code))
}

describe('a gate', () => {
  test('counts without bounds, and refuses nobody', () => {
    const { gate } = newGate(null)
    for (let n = 0; n < 100; n++) expect(gate.tryEnter()).toBe(true)
    expect(gate.inFlight).toBe(100)
    for (let n = 0; n < 100; n++) gate.settled()
    expect(gate.inFlight).toBe(0)
  })

  test('lets in the line in its order, as places come free', async () => {
    const { gate, clock } = newGate({ inFlight: 1, queue: 3, queueForMs: forEver })
    gate.tryEnter()
    const order: string[] = []
    for (const name of ['a', 'b', 'c']) lineUp(gate, newCall(), (how) => order.push(`${name} ${how}`))
    await clock.advance(0)
    expect([gate.inFlight, gate.queued, order]).toEqual([1, 3, []])
    for (let n = 0; n < 2; n++) gate.settled()
    await clock.advance(0)
    expect([gate.inFlight, gate.queued, order]).toEqual([1, 1, ['a in', 'b in']])
  })

  test('lets nobody overtake the line in the tick in which a place comes free', () => {
    const { gate } = newGate({ inFlight: 1, queue: 1, queueForMs: forEver })
    gate.tryEnter()
    lineUp(gate, newCall(), () => {})
    gate.settled()
    expect(gate.tryEnter()).toBe(false)
  })

  test('refuses at once when the line is full, and after the time that it lets a call queue', async () => {
    const { gate, clock, wheel } = newGate({ inFlight: 1, queue: 1, queueForMs: 50 })
    gate.tryEnter()
    const ends: string[] = []
    const waiting = newCall()
    lineUp(gate, waiting, (how) => ends.push(how))
    lineUp(gate, newCall(), (how) => ends.push(how))
    await clock.advance(49)
    expect(ends).toEqual(['LIMIT_FULL'])
    await clock.advance(1)
    expect(ends).toEqual(['LIMIT_FULL', 'LIMIT_WAITED'])
    expect([gate.inFlight, gate.queued, wheel.armed, waiting.cancel]).toEqual([1, 0, 0, null])
  })

  test.each([
    [EXPIRED, 'EXPIRED'],
    [CANCELLED, 'CANCELLED'],
  ] as const)('lets a call out of the line when it ends with %i, from the middle as well', async (how, code) => {
    const { gate, clock, wheel } = newGate({ inFlight: 1, queue: 9, queueForMs: 1000 })
    gate.tryEnter()
    const ends: string[] = []
    const calls = ['a', 'b', 'c'].map((name) => {
      const call = newCall()
      lineUp(gate, call, (end) => ends.push(`${name} ${end}`))
      return call
    })
    calls[1]?.end(how)
    gate.settled()
    gate.settled()
    await clock.advance(0)
    expect(ends).toEqual([`b ${code}`, 'a in', 'c in'])
    expect([gate.inFlight, gate.queued, wheel.armed]).toEqual([1, 0, 0])
  })

  test('takes no call into its line that is over already', async () => {
    const { gate, wheel } = newGate({ inFlight: 1, queue: 9, queueForMs: 1000 })
    gate.tryEnter()
    const call = newCall()
    call.end(CANCELLED)
    expect((await gate.wait(call))?.code).toBe('CANCELLED')
    expect([gate.queued, wheel.armed, call.cancel]).toEqual([0, 0, null])
  })

  test('leaves a call that it has let in without alarm and without cancel', () => {
    const { gate, wheel } = newGate({ inFlight: 1, queue: 9, queueForMs: 1000 })
    gate.tryEnter()
    const call = newCall()
    lineUp(gate, call, () => {})
    expect([wheel.armed, call.cancel === null]).toEqual([1, false])
    gate.settled()
    expect([wheel.armed, call.cancel]).toEqual([0, null])
  })

  test('keeps counting when bounds go and come, lets the line in when they go, and throws nobody out when they narrow', async () => {
    const { gate, clock } = newGate({ inFlight: 2, queue: 9, queueForMs: forEver })
    gate.tryEnter()
    gate.tryEnter()
    const ends: string[] = []
    for (let n = 0; n < 3; n++) lineUp(gate, newCall(), (how) => ends.push(how))
    gate.tune({ inFlight: 3, queue: 0, queueForMs: forEver })
    await clock.advance(0)
    expect([gate.inFlight, gate.queued, ends.length]).toEqual([3, 2, 1])
    gate.tune(null)
    expect([gate.inFlight, gate.queued]).toEqual([5, 0])
    gate.tune({ inFlight: 1, queue: 9, queueForMs: forEver })
    lineUp(gate, newCall(), (how) => ends.push(how))
    for (let n = 0; n < 4; n++) gate.settled()
    expect([gate.inFlight, gate.queued]).toEqual([1, 1])
    gate.settled()
    expect([gate.inFlight, gate.queued]).toEqual([1, 0])
    gate.settled()
    expect(gate.inFlight).toBe(0)
  })
})

const step = record({
  act: constantFrom<'arrive' | 'settle' | 'cancel' | 'tune' | 'pass'>(
    'arrive',
    'arrive',
    'arrive',
    'settle',
    'settle',
    'cancel',
    'tune',
    'pass',
  ),
  n: integer({ min: 0, max: 20 }),
  bounds: option(
    record({ inFlight: integer({ min: 1, max: 4 }), queue: integer({ min: 0, max: 4 }), queueForMs: constantFrom(20, 60, forEver) }),
    { freq: 5 },
  ),
})

test('whoever comes, leaves and waits under whatever bounds, the gate agrees with a list of names', async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 60 }), async (steps) => {
      const { gate, clock, wheel } = newGate(null)
      // The model: who is inside, who stands in line and until when, and how everybody ended.
      let bounds: GateBounds = { inFlight: forEver, queue: 0, queueForMs: forEver }
      let inside = 0
      let line: { name: number; until: number; call: Call }[] = []
      const expected = new Map<number, string>()
      const seen = new Map<number, string>()
      const admit = (): void => {
        while (line.length > 0 && inside < bounds.inFlight) {
          inside++
          expected.set((line.shift() as { name: number }).name, 'in')
        }
      }
      for (const [name, { act, n, bounds: next }] of steps.entries()) {
        if (act === 'arrive') {
          const mayEnter = line.length === 0 && inside < bounds.inFlight
          expect(gate.tryEnter()).toBe(mayEnter)
          if (mayEnter) inside++
          else {
            const call = newCall()
            if (line.length < bounds.queue) line.push({ name, until: clock.now() + bounds.queueForMs, call })
            else expected.set(name, 'LIMIT_FULL')
            lineUp(gate, call, (how) => seen.set(name, how))
          }
        } else if (act === 'settle' && inside > 0) {
          gate.settled()
          inside--
          admit()
        } else if (act === 'cancel' && line.length > 0) {
          const [left] = line.splice(n % line.length, 1)
          left?.call.end(CANCELLED)
          expected.set(left?.name as number, 'CANCELLED')
        } else if (act === 'tune') {
          bounds = next ?? { inFlight: forEver, queue: 0, queueForMs: forEver }
          gate.tune(next)
          admit()
        } else if (act === 'pass') {
          await clock.advance(n)
          for (const { name: gone } of line.filter(({ until }) => until <= clock.now())) expected.set(gone, 'LIMIT_WAITED')
          line = line.filter(({ until }) => until > clock.now())
        }
        expect([gate.inFlight, gate.queued]).toEqual([inside, line.length])
        expect(line.length === 0 || inside >= bounds.inFlight).toBe(true)
        for (const { call } of line) expect(call.cancel).not.toBeNull()
      }
      expect(wheel.armed).toBe(line.filter(({ until }) => until !== forEver).length)
      gate.tune(null)
      bounds = { inFlight: forEver, queue: 0, queueForMs: forEver }
      admit()
      await clock.advance(0)
      expect(seen).toEqual(expected)
      expect([gate.queued, wheel.armed]).toEqual([0, 0])
    }),
    { numRuns: 60 },
  )
})
