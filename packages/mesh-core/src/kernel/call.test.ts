/** A call ends once, and tells whoever waits. */
import { expect, test } from 'vitest'
import { Call, type Waiting } from './call.ts'
import { CANCELLED, EXPIRED, LATE } from './verdict.ts'

const newCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

class Waiter implements Waiting {
  readonly told: number[] = []

  cancelled(call: Call): void {
    this.told.push(call.ending)
  }
}

test.each([EXPIRED, CANCELLED] as const)('a call that has ended with %s stays ended so', (how) => {
  const call = newCall()
  call.end(how)
  for (const other of [LATE, EXPIRED, CANCELLED] as const) call.end(other)
  call.nextAttempt()
  expect(call.ending).toBe(how)
  expect(call.isOver).toBe(true)
})

test('an attempt that is late ends with that attempt, and the call goes on', () => {
  const call = newCall()
  call.nextAttempt()
  call.end(LATE)
  expect(call.ending).toBe(LATE)
  expect(call.isOver).toBe(false)
  call.nextAttempt()
  expect(call.ending).toBe(0)
  expect(call.attempt).toBe(2)
})

test('a late attempt does not keep the call from expiring', () => {
  const call = newCall()
  call.end(LATE)
  call.end(EXPIRED)
  expect(call.ending).toBe(EXPIRED)
})

test('who waits is told once, and no longer waits by then', () => {
  const call = newCall()
  const waiter = new Waiter()
  call.cancel = waiter
  call.end(LATE)
  call.end(LATE)
  call.end(CANCELLED)
  expect(waiter.told).toEqual([LATE])
  expect(call.cancel).toBeNull()
})

test('who begins to wait while it is told, as the next in line does, is told of the next end', () => {
  const call = newCall()
  const next = new Waiter()
  call.cancel = {
    cancelled: () => {
      call.cancel = next
    },
  }
  call.end(LATE)
  expect(next.told).toEqual([])
  call.end(CANCELLED)
  expect(next.told).toEqual([CANCELLED])
})

test('the end is known before it is told', () => {
  const call = newCall()
  let wasOver = false
  call.cancel = {
    cancelled: (ended) => {
      wasOver = ended.isOver
    },
  }
  call.end(EXPIRED)
  expect(wasOver).toBe(true)
})

test('a call is out of time five milliseconds before its deadline, and never where it has none', () => {
  const call = newCall()
  expect(call.isOutOfTime(1e12)).toBe(false)
  call.deadlineAt = 1000
  expect([994, 995, 1000, 1001].map((now) => call.isOutOfTime(now))).toEqual([false, true, true, true])
})
