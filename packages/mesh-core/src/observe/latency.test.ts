/** Every duration finds its bucket. */
import { describe, expect, it } from 'vitest'
import { bucketBoundsMs, bucketOf, Latency } from './latency.ts'

function slowly(ms: number): number {
  const at = bucketBoundsMs.findIndex((bound) => ms <= bound)
  return at < 0 ? bucketBoundsMs.length : at
}

describe('a duration', () => {
  it('falls into the first bucket whose bound it does not exceed, on every bound and beside it', () => {
    for (const bound of bucketBoundsMs) {
      for (const ms of [bound * 0.999, bound, bound * 1.001]) expect([ms, bucketOf(ms)]).toEqual([ms, slowly(ms)])
    }
    for (let half = 0; half < 130_000; half++) {
      if (bucketOf(half / 2) !== slowly(half / 2)) expect([half / 2, bucketOf(half / 2)]).toEqual([half / 2, slowly(half / 2)])
    }
  })

  it('that is no time at all, or longer than any, has a bucket too', () => {
    expect([Number.NaN, -1, 0].map(bucketOf)).toEqual([0, 0, 0])
    expect([2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY].map(bucketOf)).toEqual(Array(3).fill(bucketBoundsMs.length))
  })

  it('is counted once and summed', () => {
    const latency = new Latency()
    for (const ms of [0.2, 4, 4.5, 90_000]) latency.add(ms)
    expect(latency.counts[0]).toBe(1)
    expect(latency.counts[4]).toBe(2)
    expect(latency.counts.at(-1)).toBe(1)
    expect(latency.sumMs).toBeCloseTo(90_008.7)
  })
})
