import { expect, test } from 'vitest'
import { BackoffRounds } from './backoff-rounds.ts'

test('within a round the next address is tried at once, after it the pause doubles from 0.2 s to 15 s', () => {
  const backoff = new BackoffRounds(2, () => 1)
  const pauses = Array.from({ length: 20 }, () => backoff.failed())
  expect(pauses.filter((_, index) => index % 2 === 0)).toEqual(Array(10).fill(0))
  expect(pauses.filter((_, index) => index % 2 === 1)).toEqual([400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000, 15_000, 15_000])
  backoff.succeeded()
  expect([backoff.failed(), backoff.failed()]).toEqual([0, 400])
})

test('pauses are spread over half of their length, and are never shorter than 0.2 s', () => {
  const least = new BackoffRounds(1, () => 0)
  expect(Array.from({ length: 8 }, () => least.failed())).toEqual([200, 400, 800, 1600, 3200, 6400, 7500, 7500])
})
