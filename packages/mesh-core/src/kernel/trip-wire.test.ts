/** Evidence adds up to a trip exactly when the criteria say so, whatever they were before. */
import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Evidence, FAILURE, NOTHING, SUCCESS, THROTTLE } from './evidence.ts'
import { type TripCriteria, TripWire } from './trip-wire.ts'

const inARow = (consecutiveFailures: number): TripCriteria => ({ consecutiveFailures, successRate: null })
const rate = (below: number, minCalls: number, windowMs = 10_000): TripCriteria => ({
  consecutiveFailures: 0,
  successRate: { below, minCalls, windowMs },
})

/** Records one after the other; returns the first reason to trip and the number of the piece that gave it. */
function tripped(wire: TripWire, evidence: readonly Evidence[], now = 0): [number, string] | null {
  for (const [n, piece] of evidence.entries()) {
    const reason = wire.record(piece, now)
    if (reason !== '') return [n + 1, reason]
  }
  return null
}

const repeat = (times: number, evidence: Evidence): Evidence[] => Array.from({ length: times }, () => evidence)

describe('failures in a row', () => {
  test.each([
    ['the tenth failure trips', repeat(10, FAILURE), [10, '10 failures in a row']],
    ['a success between them starts anew', [...repeat(9, FAILURE), SUCCESS, ...repeat(9, FAILURE)], null],
    ['a throttled call neither adds nor breaks the row', [...repeat(9, FAILURE), THROTTLE, FAILURE], [11, '10 failures in a row']],
    ['nothing is nothing', [...repeat(9, FAILURE), NOTHING, NOTHING, FAILURE], [12, '10 failures in a row']],
    ['throttled calls alone never trip', repeat(50, THROTTLE), null],
  ] as [string, Evidence[], [number, string] | null][])('%s', (_name, evidence, expected) => {
    expect(tripped(new TripWire(inARow(10)), evidence)).toEqual(expected)
  })

  test('0 turns the criterion off', () => {
    expect(tripped(new TripWire(inARow(0)), repeat(1000, FAILURE))).toBeNull()
  })

  test('are counted on when the criteria change', () => {
    const wire = new TripWire(inARow(10))
    tripped(wire, repeat(4, FAILURE))
    wire.criteria = inARow(5)
    expect(wire.record(FAILURE, 0)).toBe('5 failures in a row')
  })

  test('are forgotten by a reset', () => {
    const wire = new TripWire(inARow(2))
    wire.record(FAILURE, 0)
    wire.reset()
    expect(wire.record(FAILURE, 0)).toBe('')
  })
})

describe('a share of successes', () => {
  test.each([
    ['trips below the share', rate(0.8, 10), [...repeat(7, SUCCESS), ...repeat(3, FAILURE)], [10, '7 of 10 calls succeeded, below 0.8']],
    ['does not trip at the share', rate(0.8, 10), [...repeat(8, SUCCESS), ...repeat(2, FAILURE)], null],
    ['does not trip before there are enough calls', rate(0.8, 11), repeat(10, FAILURE), null],
    ['counts a throttled call against', rate(0.5, 2), [SUCCESS, THROTTLE, THROTTLE], [3, '1 of 3 calls succeeded, below 0.5']],
    ['is not upset by rounding', rate(0.55, 100), [...repeat(55, SUCCESS), ...repeat(45, FAILURE)], null],
    ['of 1 trips at the first failure among enough', rate(1, 3), [SUCCESS, SUCCESS, FAILURE], [3, '2 of 3 calls succeeded, below 1']],
  ] as [string, TripCriteria, Evidence[], [number, string] | null][])('%s', (_name, criteria, evidence, expected) => {
    expect(tripped(new TripWire(criteria), evidence)).toEqual(expected)
  })

  test('never trips on a success, which may be the one that ends the trouble', () => {
    const wire = new TripWire(rate(0.9, 3))
    expect(tripped(wire, [FAILURE, FAILURE, SUCCESS])).toBeNull()
  })

  test('forgets what has left the window', () => {
    const wire = new TripWire(rate(0.5, 10))
    tripped(wire, repeat(9, FAILURE), 0)
    expect(wire.record(FAILURE, 10_000)).toBe('')
    expect(tripped(wire, repeat(9, FAILURE), 10_500)).toEqual([9, '0 of 10 calls succeeded, below 0.5'])
  })

  test('keeps its counts when the window changes its length, and still forgets them in time', () => {
    const wire = new TripWire(rate(0.5, 10, 10_000))
    const hour = 3_600_000
    tripped(wire, repeat(5, FAILURE), hour)
    wire.criteria = rate(0.5, 10, 60_000)
    expect(tripped(wire, repeat(4, FAILURE), hour + 1)).toBeNull()
    expect(wire.record(FAILURE, hour + 2)).toBe('0 of 10 calls succeeded, below 0.5')
    expect(tripped(wire, repeat(9, FAILURE), hour + 70_000)).toBeNull()
  })

  test('does not believe what it counted before it was off for longer than its window', () => {
    const wire = new TripWire(rate(0.5, 10, 10_000))
    tripped(wire, repeat(9, FAILURE), 0)
    wire.criteria = inARow(0)
    tripped(wire, repeat(9, FAILURE), 50_000)
    wire.criteria = rate(0.5, 10, 60_000)
    expect(wire.record(FAILURE, 50_001)).toBe('')
  })

  test('takes an outcome that settles out of order into its newest slice', () => {
    const wire = new TripWire(rate(0.5, 3))
    wire.record(FAILURE, 9000)
    wire.record(FAILURE, 100)
    expect(wire.record(FAILURE, 18_500)).toBe('0 of 3 calls succeeded, below 0.5')
  })

  test('failures in a row are named first where both criteria are met', () => {
    const wire = new TripWire({ consecutiveFailures: 3, successRate: { below: 1, minCalls: 3, windowMs: 1000 } })
    expect(tripped(wire, repeat(3, FAILURE))).toEqual([3, '3 failures in a row'])
  })
})

const step = record({
  evidence: constantFrom<Evidence>(NOTHING, SUCCESS, SUCCESS, FAILURE, FAILURE, THROTTLE),
  // Outcomes settle out of order: some are older than the one before.
  aheadMs: integer({ min: -300, max: 700 }),
  reset: constantFrom(false, false, false, false, false, false, false, false, false, true),
})
const criteria = record({
  consecutiveFailures: integer({ min: 0, max: 5 }),
  successRate: record({
    below: constantFrom(0.1, 0.5, 0.55, 0.9, 1),
    minCalls: integer({ min: 1, max: 8 }),
    windowMs: constantFrom(100, 1000, 3333),
  }),
})

test('whatever comes in, the verdict is that of a list of everything within the last ten slices', () => {
  assert(
    property(criteria, array(step, { maxLength: 80 }), (bounds, steps) => {
      const wire = new TripWire(bounds)
      const { below, minCalls, windowMs } = bounds.successRate
      let seen: { slice: number; success: boolean }[] = []
      let row = 0
      let newest = 0
      let now = 1000
      for (const { evidence, aheadMs, reset } of steps) {
        now = Math.max(0, now + aheadMs)
        if (reset) {
          wire.reset()
          seen = []
          row = 0
        }
        let expected = ''
        if (evidence !== NOTHING) {
          newest = Math.max(newest, Math.floor((now * 10) / windowMs))
          seen.push({ slice: newest, success: evidence === SUCCESS })
          seen = seen.filter(({ slice }) => slice > newest - 10)
          row = evidence === SUCCESS ? 0 : row + (evidence === FAILURE ? 1 : 0)
          const good = seen.filter(({ success }) => success).length
          const { consecutiveFailures } = bounds
          if (evidence !== SUCCESS && seen.length >= minCalls && good / seen.length < below)
            expected = `${good} of ${seen.length} calls succeeded, below ${below}`
          if (evidence !== SUCCESS && consecutiveFailures > 0 && row >= consecutiveFailures) expected = `${row} failures in a row`
        }
        expect(wire.record(evidence, now)).toBe(expected)
      }
    }),
  )
})
