import { expect, test } from 'vitest'
import { Tally } from './tally.ts'

test('what is added and taken away is counted by name, and a name without any is forgotten', () => {
  const tally = new Tally([['cart', 2]])
  tally.add('cart', -1)
  tally.add('user', 3)
  expect([tally.of('cart'), tally.of('user'), tally.of('payment'), ...tally.names]).toEqual([1, 3, 0, 'cart', 'user'])
  tally.add('cart', -1)
  expect([tally.of('cart'), ...tally.names]).toEqual([0, 'user'])
})
