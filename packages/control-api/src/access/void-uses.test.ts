import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { VoidUses } from './void-uses.ts'

test('of each token one use in an hour is worth a line', async () => {
  const clock = fakeClock()
  const uses = new VoidUses(clock)
  expect([uses.takes('a'), uses.takes('a'), uses.takes('b')]).toEqual([true, false, true])
  await clock.advance(3_599_000)
  expect(uses.takes('a')).toBe(false)
  await clock.advance(1000)
  expect([uses.takes('a'), uses.takes('a')]).toEqual([true, false])
})

test('however many tokens somebody has, of all together a hundred are, and one each minute', async () => {
  const clock = fakeClock()
  const uses = new VoidUses(clock)
  const written = (of: string) => Array.from({ length: 500 }, (_, at) => uses.takes(`${of}${at}`)).filter((is) => is).length
  expect(written('a')).toBe(100)
  await clock.advance('10m')
  expect(written('b')).toBe(10)
})
