import { expect, test } from 'vitest'
import { PollPace } from './poll-pace.ts'

test('news is followed at once, and in a storm ten times a second', () => {
  const pace = new PollPace()
  let now = 5000
  let polls = 0
  while (now < 15_000) {
    polls++
    const restMs = pace.after(true, now)
    expect(restMs).toBeLessThanOrEqual(100)
    // The time that the poll itself takes.
    now += restMs + 1
  }
  expect(polls).toBeGreaterThan(95)
  expect(polls).toBeLessThan(103)
})

test('polls that bring nothing are paused after, ever longer, and the first news ends that', () => {
  const pace = new PollPace()
  expect(Array.from({ length: 8 }, () => pace.after(false, 0))).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  expect(pace.after(true, 60_000)).toBe(0)
  expect(pace.after(false, 60_000)).toBe(500)
})
