import { type Discovery, MeshError } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { firstOf } from './first-of.ts'
import { merge } from './merge.ts'
import { staticEndpoints } from './static.ts'

test('the first source that knows a service answers for it, also without endpoints', () => {
  const both = firstOf(staticEndpoints({ cart: [] }), staticEndpoints({ cart: ['a:1'], user: ['b:1'] }))
  expect([both.watch('cart')?.current, both.watch('user')?.current?.length, both.watch('payment')]).toEqual([[], 1, null])
  expect([both.services(), both.name]).toEqual([['cart', 'user'], 'first of static and static'])
})

test('freshness is that of all, and close closes all, though one of them fails', async () => {
  const fresh = { source: 'consul', service: 'cart', ageMs: 1, failures: 0, held: 0 }
  let closed = 0
  const fails: Discovery = { name: 'x', watch: () => null, services: () => [], close: async () => Promise.reject(new Error('no')) }
  const counts: Discovery = { ...fails, freshness: () => [fresh], close: async () => void closed++ }
  const both = firstOf(fails, counts)
  expect([...(both.freshness?.() ?? [])]).toEqual([fresh])
  await expect(both.close()).rejects.toThrow('no')
  expect(closed).toBe(1)
})

test.each([[firstOf], [merge]])('something that is no source is refused', (combine) => {
  expect(() => combine()).toThrow(MeshError)
  expect(() => combine(staticEndpoints({}), {} as never)).toThrow('source 2: expected a source of endpoints')
})
