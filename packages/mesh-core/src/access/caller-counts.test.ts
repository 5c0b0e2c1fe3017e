import { expect, test } from 'vitest'
import { CallerCounts } from './caller-counts.ts'

const hourMs = 3_600_000

test('callers are counted by name, with the moment of their last call', () => {
  const counts = new CallerCounts()
  counts.add('cart', 1)
  counts.add('frontend', 2)
  counts.add('cart', 3)
  expect([...counts.all()]).toEqual([
    { caller: 'cart', calls: 2, lastAt: 3 },
    { caller: 'frontend', calls: 1, lastAt: 2 },
  ])
})

test('a hundred have a name, and all others one together', () => {
  const counts = new CallerCounts()
  for (let n = 0; n < 5000; n++) counts.add(`10.0.${n % 250}.${n % 300}`, n)
  const all = [...counts.all()]
  expect(all).toHaveLength(101)
  expect(all.reduce((sum, { calls }) => sum + calls, 0)).toBe(5000)
  expect(all.find(({ caller }) => caller === 'other')?.calls).toBeGreaterThan(1000)
})

test('whoever was silent for an hour makes room for a new one', () => {
  const counts = new CallerCounts()
  for (let n = 0; n < 100; n++) counts.add(`old-${n}`, 0)
  counts.add('old-0', hourMs - 1)
  counts.add('new-1', hourMs)
  counts.add('new-2', hourMs)
  const names = [...counts.all()].map(({ caller }) => caller)
  expect(names).toHaveLength(100)
  expect(names).toEqual(expect.arrayContaining(['old-0', 'new-1', 'new-2']))
  expect(names).not.toContain('old-1')
})
