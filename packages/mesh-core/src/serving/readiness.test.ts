import { expect, test } from 'vitest'
import { fakeClock } from '../testing/index.ts'
import { Readiness } from './readiness.ts'

test('what the mesh knows is said at once, and the application is not asked', () => {
  let asked = 0
  const readiness = (): boolean => {
    asked++
    return true
  }
  const asking = new Readiness({ unready: () => 'draining', readiness, clock: fakeClock() })
  expect(asking.ask()).toBe('draining')
  expect(asked).toBe(0)
  expect(new Readiness({ unready: () => '', readiness: null, clock: fakeClock() }).ask()).toBe('')
})

test.each([
  ['says yes', () => true, ''],
  ['says no', () => false, 'the readiness check said no'],
  ['says something else than true', () => 'yes' as never, 'the readiness check said no'],
  ['fails', () => Promise.reject(new Error('the password is wrong')), 'the readiness check failed'],
])('an application that %s', async (_, readiness, expected) => {
  expect(await new Readiness({ unready: () => '', readiness, clock: fakeClock() }).ask()).toBe(expected)
})

test('a check that hangs is asked once, and given up after three seconds', async () => {
  const clock = fakeClock()
  let asked = 0
  const asking = new Readiness({
    unready: () => '',
    readiness: () => {
      asked++
      return new Promise(() => {})
    },
    clock,
  })
  const answers = Promise.all([asking.ask(), asking.ask()])
  await clock.advance(3000)
  const late = 'the readiness check gave no answer within 3000 ms'
  expect(await answers).toEqual([late, late])
  expect(asked).toBe(1)
})
