import { expect, test } from 'vitest'
import { type FakeClock, fakeClock } from '../testing/index.ts'
import { Attendance } from './attendance.ts'
import { Departure } from './departure.ts'

function scene(released: Promise<void> | null = null): { clock: FakeClock; attendance: Attendance; said: string[]; departure: Departure } {
  const clock = fakeClock()
  const attendance = new Attendance(clock)
  const said: string[] = []
  const say = (word: string): void => void said.push(`${clock.now()} ${word}`)
  const departure = new Departure({
    clock,
    attendance,
    release: () => {
      say('release')
      return released
    },
    turnAway: () => say('turn away'),
    shut: async () => say('shut'),
    cut: () => {
      say('cut')
      while (attendance.size > 0) attendance.leave()
      attendance.endQuiet()
    },
    gone: () => say('gone'),
  })
  return { clock, attendance, said, departure }
}

test('it is taken off every list before callers are told to go', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { clock, said, departure } = scene(promise)
  departure.drain()
  departure.drain()
  await clock.advance(300)
  expect([said, departure.hasBegun]).toEqual([['0 release'], false])
  resolve()
  await clock.advance(0)
  expect([said, departure.hasBegun]).toEqual([['0 release', '300 turn away'], true])
})

test('where nobody is connected it goes at once', async () => {
  const { said, departure } = scene()
  await departure.close(10_000)
  expect(said).toEqual(['0 release', '0 turn away', '0 shut', '0 gone'])
})

test('who is there is served for five seconds, then waited for, and cut when the time is over', async () => {
  const { clock, attendance, said, departure } = scene()
  attendance.arrive()
  const closed = departure.close(20_000)
  await clock.advance(30_000)
  await closed
  expect(said).toEqual(['0 release', '0 turn away', '5000 shut', '20000 cut', '20000 gone'])
})

test('a drain that began earlier counts, and half of the grace is for what is under way', async () => {
  const { clock, attendance, said, departure } = scene()
  attendance.arrive()
  departure.drain()
  await clock.advance(300)
  const closed = departure.close(1000)
  await clock.advance(1000)
  await closed
  expect(said).toEqual(['0 release', '0 turn away', '500 shut', '1300 cut', '1300 gone'])
})

test('a second close can only shorten the wait', async () => {
  const { clock, attendance, said, departure } = scene()
  attendance.arrive()
  const gentle = departure.close(60_000)
  const harder = departure.close(100)
  await clock.advance(100)
  await Promise.all([gentle, harder])
  expect(said.at(-1)).toBe('100 gone')
  await clock.advance(60_000)
  expect(said.filter((line) => line.endsWith('cut'))).toEqual(['100 cut'])
})
