import { assert, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { duration, formatDuration, parseDuration } from './units.ts'

test.each([
  ['250ms', 250],
  ['5s', 5000],
  ['1.5m', 90_000],
  ['1h', 3_600_000],
  [' 2s ', 2000],
  [40, 40],
  ['5', null],
  ['5 s', null],
  ['-5s', null],
  ['5sec', null],
  ['1e3ms', null],
  [-1, null],
  [Number.NaN, null],
  [Number.POSITIVE_INFINITY, null],
])('the duration %s is %s ms', (written, ms) => {
  expect(parseDuration(written)).toBe(ms)
})

test('a duration that is written out reads back as the same number of milliseconds', () => {
  assert(property(integer({ min: 0, max: 86_400_000 }), (ms) => parseDuration(formatDuration(ms)) === ms))
})

test('a duration that is none or out of range is refused with what was written', () => {
  expect(duration().safeParse('5 parsecs').error?.issues[0]?.message).toContain('"5 parsecs" is no duration')
  expect(duration().safeParse('25h').error?.issues[0]?.message).toContain('"25h" is out of range')
  expect(duration().safeParse('0ms').success).toBe(false)
  expect(duration(0).safeParse('0ms').data).toBe(0)
})
