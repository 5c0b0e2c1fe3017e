/** A bucket gives out no more than its rate and burst allow, and says truly when there will be more. */
import { array, assert, constantFrom, double, integer, oneof, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

function newBucket(perSecond: number, burst: number, now = 0): TokenBucket {
  const bucket = new TokenBucket()
  bucket.tune({ perSecond, burst }, now)
  return bucket
}

describe('a token bucket', () => {
  test('lets everything pass while nothing bounds it', () => {
    const bucket = new TokenBucket()
    for (let n = 0; n < 1000; n++) expect(bucket.take(0)).toBe(0)
  })

  test('gives out its burst at once, then its rate, and never more than its burst after a pause', () => {
    const bucket = newBucket(10, 3)
    expect([0, 0, 0, 0].map((now) => bucket.take(now))).toEqual([0, 0, 0, 100])
    expect(bucket.take(60)).toBe(40)
    expect(bucket.take(100)).toBe(0)
    expect(bucket.take(100)).toBe(100)
    expect([9000, 9000, 9000, 9000].map((now) => bucket.take(now))).toEqual([0, 0, 0, 100])
  })

  test('keeps its tokens when its bounds change, up to the new burst', () => {
    const bucket = newBucket(10, 10)
    for (let n = 0; n < 4; n++) bucket.take(0)
    bucket.tune({ perSecond: 10, burst: 100 }, 0)
    for (let n = 0; n < 6; n++) expect(bucket.take(0)).toBe(0)
    expect(bucket.take(0)).toBe(100)
    const shrunk = newBucket(10, 10)
    shrunk.tune({ perSecond: 10, burst: 2 }, 0)
    expect([0, 0, 0].map((now) => shrunk.take(now))).toEqual([0, 0, 100])
  })

  test('fills at the old rate up to the change, and at the new one from then on', () => {
    const bucket = newBucket(10, 1)
    bucket.take(0)
    bucket.tune({ perSecond: 1, burst: 1 }, 50)
    expect(bucket.take(50)).toBe(500)
  })

  test('is full again when its bounds went away and come back', () => {
    const bucket = newBucket(1, 2)
    bucket.take(0)
    bucket.take(0)
    bucket.tune(null, 10)
    expect(bucket.take(10)).toBe(0)
    bucket.tune({ perSecond: 1, burst: 2 }, 20)
    expect([20, 20, 20].map((now) => bucket.take(now))).toEqual([0, 0, 1000])
  })

  test('is not confused by a call that began before the last one', () => {
    const bucket = newBucket(10, 1)
    bucket.take(500)
    expect(bucket.take(100)).toBe(100)
    expect(bucket.take(600)).toBe(0)
  })
})

test('in no span of time are more calls let through than the burst and the rate allow', () => {
  const gaps = array(oneof(integer({ min: 0, max: 300 }), double({ min: 0, max: 50, noNaN: true })), { maxLength: 80 })
  assert(
    property(
      record({ perSecond: constantFrom(0.5, 3, 10, 97), burst: integer({ min: 1, max: 8 }), gaps }),
      ({ perSecond, burst, gaps }) => {
        const bucket = newBucket(perSecond, burst)
        const passed: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          // The model: it may pass if no span that ends now would then hold too many.
          const fits = [...passed, now].every((from, at, all) => all.length - at <= burst + ((now - from) * perSecond) / 1000 + 1e-6)
          const waitMs = bucket.take(now)
          if (waitMs === 0) passed.push(now)
          if (fits) expect(waitMs).toBeLessThan(1e-3)
          else expect(waitMs).toBeGreaterThan(0)
        }
      },
    ),
  )
})

test('who comes back when told is let through', () => {
  const gaps = array(double({ min: 0, max: 100, noNaN: true }), { maxLength: 40 })
  assert(
    property(
      record({ perSecond: oneof(constantFrom(5, 10, 20, 100), double({ min: 0.1, max: 2000, noNaN: true })), gaps }),
      ({ perSecond, gaps }) => {
        const bucket = newBucket(perSecond, 1)
        let now = 0
        for (const gap of gaps) {
          now += gap
          const waitMs = bucket.take(now)
          if (waitMs === 0) continue
          now += Math.ceil(waitMs)
          expect(bucket.take(now)).toBe(0)
        }
      },
    ),
    { numRuns: 300 },
  )
})
