/** Pauses between attempts grow, are capped, and are drawn in full. */
import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'

const bounds = { baseMs: 25, capMs: 250 }

test.each([
  [1, 25],
  [2, 75],
  [3, 175],
  [4, 250],
  [9, 250],
])('before retry %i the pause lies anywhere from 0 to below %i ms', (retry, ceilingMs) => {
  expect(backoffMs(retry, bounds, () => 0)).toBe(0)
  expect(backoffMs(retry, bounds, () => 0.5)).toBe(ceilingMs / 2)
  const longest = backoffMs(retry, bounds, () => 1 - 2 ** -53)
  expect(longest).toBeLessThan(ceilingMs)
  expect(longest).toBeCloseTo(ceilingMs)
})

test('a base of 0 pauses not at all, and a cap below the base holds', () => {
  expect(backoffMs(3, { baseMs: 0, capMs: 250 }, () => 0.9)).toBe(0)
  expect(backoffMs(1, { baseMs: 100, capMs: 10 }, () => 0.5)).toBe(5)
})
