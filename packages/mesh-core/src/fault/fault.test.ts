/** Faults are injected as often as the policy says, and end with their call. */
import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Outcome } from '../kernel/outcome.ts'
import { Alarm, TimerWheel } from '../kernel/timer-wheel.ts'
import { CANCELLED, EXPIRED, FAULT, LATE, OK } from '../kernel/verdict.ts'
import type { FaultPolicy } from '../policy/index.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { fault } from './fault.ts'

const newCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

function faulty(policy: FaultPolicy) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const bottom = scriptedSend('ok')
  const answered: number[] = []
  const answer = (call: Call, status: number): Outcome => {
    answered.push(status)
    const reply = { status: String(status), discard: () => {} }
    return new Outcome(call, FAULT, { reply, error: null, code: '', at: 0, retryAfterMs: -1, staleConnection: false, open: false })
  }
  return { clock, wheel, bottom, answered, send: fault({ policy, clock, wheel, random: seededRandom(1), answer })(bottom) }
}

const delayed = (forMs: number): FaultPolicy => ({ delay: { forMs, ratio: 1 }, abort: null })

test('a delay holds the attempt back and then lets it go on', async () => {
  const { clock, wheel, bottom, send } = faulty(delayed(80))
  const call = newCall()
  const sending = send(call)
  await clock.advance(79)
  expect(bottom.attempts).toHaveLength(0)
  await clock.advance(1)
  expect((await sending).verdict).toBe(OK)
  expect([call.cancel, wheel.armed]).toEqual([null, 0])
})

test.each([LATE, EXPIRED, CANCELLED] as const)('a delay ends when the call or its attempt does (%i), and nothing is sent', async (how) => {
  const { clock, wheel, bottom, send } = faulty(delayed(80_000))
  const call = newCall()
  const sending = send(call)
  await clock.advance(30)
  call.end(how)
  expect((await sending).verdict).toBe(how)
  expect([bottom.attempts.length, call.cancel, wheel.armed]).toEqual([0, null, 0])
})

test('an attempt that is late in the tick in which its delay is over sends nothing', async () => {
  const { clock, bottom, wheel, send } = faulty(delayed(80))
  const call = newCall()
  const sending = send(call)
  // Rings right after the pause, before anybody who awaits the pause goes on: of one bucket, the alarm that was set last rings first.
  const late = new Alarm({ alarm: () => call.end(LATE) })
  const pause = call.cancel as unknown as Alarm
  pause.clear()
  wheel.set(late, 80, 0)
  wheel.set(pause, 80, 0)
  await clock.advance(80)
  expect((await sending).verdict).toBe(LATE)
  expect([bottom.attempts.length, wheel.armed]).toEqual([0, 0])
})

test('an abort answers in the place of the server, after the delay where there is one', async () => {
  const { clock, bottom, answered, send } = faulty({ delay: { forMs: 20, ratio: 1 }, abort: { status: 503, ratio: 1 } })
  const sending = send(newCall())
  await clock.advance(19)
  expect(answered).toEqual([])
  await clock.advance(1)
  expect((await sending).reply?.status).toBe('503')
  expect([answered, bottom.attempts.length]).toEqual([[503], 0])
})

describe('a ratio', () => {
  test.each([
    [0, 0, 0],
    [0.1, 70, 130],
    [1, 1000, 1000],
  ])('of %d is the share of attempts that are hit', async (ratio, least, most) => {
    const { answered, bottom, send } = faulty({ delay: null, abort: { status: 500, ratio } })
    for (let n = 0; n < 1000; n++) await send(newCall())
    expect(answered.length).toBeGreaterThanOrEqual(least)
    expect(answered.length).toBeLessThanOrEqual(most)
    expect(answered.length + bottom.attempts.length).toBe(1000)
  })
})
