import { expect, test } from 'vitest'
import { fakeClock } from '../testing/index.ts'
import { Attendance } from './attendance.ts'

async function hasEnded(waiting: Promise<void>): Promise<boolean> {
  let ended = false
  void waiting.then(() => {
    ended = true
  })
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  return ended
}

test('where nobody ever came it is quiet at once', async () => {
  const attendance = new Attendance(fakeClock())
  expect(await hasEnded(attendance.quietWithin(5000))).toBe(true)
})

test('it is quiet once all have gone and nobody has come for a tenth of a second', async () => {
  const clock = fakeClock()
  const attendance = new Attendance(clock)
  attendance.arrive()
  const quiet = attendance.quietWithin(5000)
  attendance.leave()
  await clock.advance(99)
  attendance.arrive()
  await clock.advance(1)
  expect(await hasEnded(quiet)).toBe(false)
  attendance.leave()
  await clock.advance(100)
  expect(await hasEnded(quiet)).toBe(true)
})

test('whoever stays is waited for as long as was said, and no longer', async () => {
  const clock = fakeClock()
  const attendance = new Attendance(clock)
  attendance.arrive()
  const quiet = attendance.quietWithin(5000)
  const empty = attendance.emptyWithin(Number.POSITIVE_INFINITY)
  await clock.advance(5000)
  expect(await hasEnded(quiet)).toBe(true)
  expect(await hasEnded(empty)).toBe(false)
  attendance.leave()
  expect(await hasEnded(empty)).toBe(true)
  expect(attendance.size).toBe(0)
})

test('who is told that nobody needs quiet waits no longer for it', async () => {
  const clock = fakeClock()
  const attendance = new Attendance(clock)
  attendance.arrive()
  const quiet = attendance.quietWithin(5000)
  attendance.leave()
  await clock.advance(1)
  attendance.endQuiet()
  expect(await hasEnded(quiet)).toBe(true)
})
