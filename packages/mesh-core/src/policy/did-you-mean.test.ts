import { assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, editDistance } from './did-you-mean.ts'

test.each([
  ['timout', 'timeout', 1],
  ['tiemout', 'timeout', 1],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['same', 'same', 0],
])('%s is as many steps from %s as letters must change', (from, to, steps) => {
  expect(editDistance(from, to)).toBe(steps)
  expect(editDistance(to, from)).toBe(steps)
})

test('a distance is never below the difference in length, nor above the longer word', () => {
  assert(
    property(string(), string(), (from, to) => {
      const steps = editDistance(from, to)
      expect(steps).toBeGreaterThanOrEqual(Math.abs(from.length - to.length))
      expect(steps).toBeLessThanOrEqual(Math.max(from.length, to.length))
    }),
  )
})

test('the nearest known word is proposed, whatever its case', () => {
  expect(didYouMean('TimeOut', ['retry', 'timeout', 'attemptTimeout'])).toBe(': did you mean `timeout`?')
  expect(didYouMean('attempttimeout', ['retry', 'timeout', 'attemptTimeout'])).toBe(': did you mean `attemptTimeout`?')
})

test('a word that is near to none, or endless, gets no proposal', () => {
  expect(didYouMean('volume', ['retry', 'timeout'])).toBe('')
  expect(didYouMean('timeout'.repeat(1000), ['timeout'])).toBe('')
})
