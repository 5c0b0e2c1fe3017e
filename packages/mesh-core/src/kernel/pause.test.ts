/** A pause ends with its time or with its call, and leaves nothing behind. */
import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { Call, type Waiting } from './call.ts'
import { pause } from './pause.ts'
import { TimerWheel } from './timer-wheel.ts'
import { CANCELLED, EXPIRED, LATE } from './verdict.ts'

const newCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

function ground() {
  const clock = fakeClock()
  return { clock, wheel: new TimerWheel(clock) }
}

test('a pause lasts its time and leaves neither alarm nor cancel', async () => {
  const time = ground()
  const call = newCall()
  let over = false
  void pause(call, 50, time).then(() => {
    over = true
  })
  await time.clock.advance(49)
  expect(over).toBe(false)
  await time.clock.advance(1)
  expect(over).toBe(true)
  expect([call.cancel, time.wheel.armed, time.clock.pending]).toEqual([null, 0, 0])
})

test.each([LATE, EXPIRED, CANCELLED] as const)('a pause ends at once when the call ends with %s', async (how) => {
  const time = ground()
  const call = newCall()
  const paused = pause(call, 50, time)
  call.end(how)
  await paused
  expect(call.ending).toBe(how)
  expect([call.cancel, time.wheel.armed]).toEqual([null, 0])
})

test('a call that is over does not pause at all', async () => {
  const time = ground()
  const call = newCall()
  call.end(CANCELLED)
  await pause(call, 50, time)
  expect([call.cancel, time.wheel.armed]).toEqual([null, 0])
})

test('the pause after an attempt that was late lasts its time', async () => {
  const time = ground()
  const call = newCall()
  call.end(LATE)
  let over = false
  void pause(call, 50, time).then(() => {
    over = true
  })
  await time.clock.advance(49)
  expect(over).toBe(false)
  await time.clock.advance(1)
  expect(over).toBe(true)
})

test('a pause that ends takes away only its own cancel', async () => {
  const time = ground()
  const call = newCall()
  const paused = pause(call, 50, time)
  const other: Waiting = { cancelled: () => {} }
  call.cancel = other
  await time.clock.advance(50)
  await paused
  expect(call.cancel).toBe(other)
})
