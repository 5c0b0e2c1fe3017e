import { array, assert, constantFrom, integer, property, tuple } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testAuthority } from '../testing/test-authority.ts'
import { Expiry, expiryOf } from './expiry.ts'

const minuteMs = 60_000

/** A certificate of a minute, and two clocks that go on by so much each. */
function minuteAfter(steps: readonly (readonly [clockMs: number, wallMs: number])[]): number {
  const at = { clock: 5000, wall: 1_700_000_000_000 }
  const expiry = new Expiry(at.wall + minuteMs, at.clock, () => at.wall)
  for (const [clockMs, wallMs] of steps) {
    at.clock += clockMs
    at.wall += wallMs
    expiry.leftMs(at.clock)
  }
  return expiry.leftMs(at.clock)
}

describe('what is left of a minute', () => {
  test.each<[what: string, steps: [number, number][], leftMs: number]>([
    ['at first', [], minuteMs],
    ['while both clocks go on', [[20_000, 20_000]], 40_000],
    ['in the moment of its end', [[minuteMs, minuteMs]], 0],
    ['afterwards', [[minuteMs + 1, minuteMs + 1]], -1],
    ['when the machine slept for half of it', [[2, 30_000]], 30_000],
    ['when it slept through its end', [[2, 3_600_000]], minuteMs - 3_600_000],
    ['when the clock of the wall was set back', [[20_000, -3_600_000]], 40_000],
    [
      'when that happened, and both went on to the end',
      [
        [20_000, -3_600_000],
        [40_000, 40_000],
      ],
      0,
    ],
    ['when it was set forward', [[20_000, 50_000]], 10_000],
    [
      'when that was mended',
      [
        [20_000, 50_000],
        [5000, -25_000],
      ],
      35_000,
    ],
  ])('%s', (_, steps, leftMs) => {
    expect(minuteAfter(steps)).toBe(leftMs)
  })
})

test('whatever the clocks do, what is left is the less of what each says', () => {
  const step = tuple(integer({ min: 1, max: 5000 }), constantFrom(0, 0, 0, -8000, -500, 700, 9000))
  assert(
    property(array(step, { maxLength: 30 }), (steps) => {
      let [clock, wall] = [0, 0]
      const walked = steps.map(([ms, setMs]) => {
        clock += ms
        wall += ms + setMs
        return [ms, ms + setMs] as const
      })
      expect(minuteAfter(walked)).toBe(minuteMs - Math.max(clock, wall))
    }),
  )
})

test('the clock of the wall is read once in a millisecond, and not at all where nothing expires', () => {
  let reads = 0
  const wallNow = (): number => {
    reads++
    return 1000
  }
  const expiry = new Expiry(1000 + minuteMs, 0, wallNow)
  for (let now = 0; now < 10; now += 0.25) expiry.leftMs(now)
  expect(reads).toBe(10)
  const open = new Expiry(Number.POSITIVE_INFINITY, 0, wallNow)
  expect([open.leftMs(1e12), Expiry.never.leftMs(1e12), reads]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 11])
})

test('of a connection it is that of the first of the two certificates, and of one in plaintext never', () => {
  const identity = testAuthority().identityOf('cart', { notAfter: Date.now() + 40_000 })
  const left = (peersMs: number): number => {
    const expiry = expiryOf(identity, { spiffeId: identity.spiffeId, notAfter: Date.now() + peersMs }, 0)
    return Math.round(expiry.leftMs(0) / 1000)
  }
  expect([left(20_000), left(90_000)]).toEqual([20, 40])
  expect(expiryOf(null, { spiffeId: '', notAfter: 0 }, 0)).toBe(Expiry.never)
})
