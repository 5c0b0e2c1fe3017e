/** Shares of calls follow the weights, whatever the numbers drawn. */
import { array, assert, double, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../testing/seeded-random.ts'
import { Split } from './split.ts'

const targets = (weights: readonly number[]) => weights.map((weight, n) => ({ version: `v${n}`, weight }))

test('a version alone with a weight gets every call, and no number is drawn', () => {
  const split = new Split(targets([0, 5, 0]), () => {
    throw new Error('drawn for nothing')
  })
  expect(split.draw()).toBe('v1')
})

test.each([
  [0, 'v0'],
  [0.25, 'v1'],
  [0.75, 'v2'],
  [1 - 2 ** -53, 'v2'],
])('among weights of 1, 2 and 1 the number %d falls to %s: each share begins with its own number', (drawn, version) => {
  expect(new Split(targets([1, 2, 1]), () => drawn).draw()).toBe(version)
})

test('a version of weight 0 gets no call, be it first, last or between', () => {
  const random = seededRandom(3)
  const split = new Split(targets([0, 1, 0, 1, 0]), random)
  const drawn = new Set(Array.from({ length: 500 }, () => split.draw()))
  expect([...drawn].sort()).toEqual(['v1', 'v3'])
})

test('each version gets its share of the numbers from 0 to 1, to the last one', () => {
  const weights = array(integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 64 }).filter((all) =>
    all.some((weight) => weight > 0),
  )
  assert(
    property(weights, double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (all, drawn) => {
      const sum = all.reduce((one, other) => one + other)
      let upTo = 0
      // The model: the first version whose sum of weights lies beyond the number drawn.
      const expected = all.findIndex((weight) => {
        upTo += weight
        return weight > 0 && drawn * sum < upTo
      })
      const lastOne = all.findLastIndex((weight) => weight > 0)
      expect(new Split(targets(all), () => drawn).draw()).toBe(`v${expected < 0 ? lastOne : expected}`)
    }),
  )
})

test('nine to one is nine to one over many calls', () => {
  const split = new Split(targets([90, 10]), seededRandom(7))
  let canary = 0
  for (let n = 0; n < 20_000; n++) if (split.draw() === 'v1') canary++
  // Three standard deviations of a share of 0.1 among 20,000 are 127.
  expect(Math.abs(canary - 2000)).toBeLessThan(127)
})
