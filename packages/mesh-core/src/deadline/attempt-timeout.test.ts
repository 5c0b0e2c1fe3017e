/** An attempt is late when its head is, and only that attempt ends. */
import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { CANCELLED, EXPIRED, LATE, OK } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { attemptTimeout } from './attempt-timeout.ts'

function timed(script: readonly ScriptEntry[] | ScriptEntry, timeoutMs = 50) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const bottom = scriptedSend(script, clock)
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  const layer = attemptTimeout(wheel, timeoutMs)(bottom)
  const attempt = () => {
    call.nextAttempt()
    call.attemptAt = clock.now()
    return layer(call)
  }
  return { clock, wheel, bottom, call, attempt }
}

test('an attempt without a head in time is late; the next one has its time anew', async () => {
  const { clock, wheel, call, attempt } = timed(['never', { verdict: 'ok', afterMs: 49 }])
  const first = attempt()
  await clock.advance(50)
  expect((await first).verdict).toBe(LATE)
  expect([call.isOver, call.cancel, wheel.armed]).toEqual([false, null, 0])
  const second = attempt()
  await clock.advance(49)
  expect((await second).verdict).toBe(OK)
  expect([call.ending, wheel.armed]).toEqual([0, 0])
})

test('once the head is here the attempt is late no more, however long its body takes', async () => {
  const { clock, call, wheel, attempt } = timed({ verdict: 'ok', open: true })
  const outcome = await attempt()
  await clock.advance(1000)
  expect([outcome.open, call.ending, wheel.armed]).toEqual([true, 0, 0])
})

test('where the deadline comes first, it alone bounds the attempt', async () => {
  const { clock, wheel, bottom, call, attempt } = timed('never')
  call.deadlineAt = 50
  const sending = attempt()
  expect([wheel.armed, bottom.attempts.length]).toEqual([0, 1])
  await clock.advance(50)
  expect(call.ending).toBe(0)
  call.end(EXPIRED)
  expect((await sending).verdict).toBe(EXPIRED)
})

test('a call that ends within an attempt takes the alarm with it', async () => {
  const { clock, wheel, call, attempt } = timed('never')
  const sending = attempt()
  await clock.advance(10)
  call.end(CANCELLED)
  expect((await sending).verdict).toBe(CANCELLED)
  expect(wheel.armed).toBe(0)
})
