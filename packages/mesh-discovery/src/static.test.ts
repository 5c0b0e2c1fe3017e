import { MeshError } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import type { EndpointInput } from './endpoint-table.ts'
import { staticEndpoints } from './static.ts'

function problemOf(endpoints: unknown): string {
  try {
    staticEndpoints(endpoints as Record<string, EndpointInput[]>)
  } catch (error) {
    if (MeshError.is(error) && error.code === 'BAD_ENDPOINTS') return error.message
    throw error
  }
  throw new Error('expected BAD_ENDPOINTS')
}

test('endpoints are known by the name of their service, with what was left out filled in', async () => {
  const discovery = staticEndpoints({
    inventory: ['10.0.0.1:8080', { address: '[::1]:8080', version: 'v2', labels: { track: 'canary' }, zone: 'a', weight: 0.5 }],
    cart: [],
  })
  expect(discovery.services()).toEqual(['inventory', 'cart'])
  expect(discovery.watch('inventory')?.current).toEqual([
    { address: '10.0.0.1:8080', labels: {}, zone: '', weight: 1 },
    { address: '[::1]:8080', labels: { track: 'canary', version: 'v2' }, zone: 'a', weight: 0.5 },
  ])
  expect(discovery.watch('cart')?.current).toEqual([])
  expect(discovery.watch('payment')).toBeNull()
  await discovery.close()
})

test('what changes in the given map later changes nothing', () => {
  const given = { inventory: ['10.0.0.1:8080'] }
  const discovery = staticEndpoints(given)
  given.inventory.push('10.0.0.2:8080')
  expect(discovery.watch('inventory')?.current).toHaveLength(1)
})

test('every problem is told in one error', () => {
  const message = problemOf({
    Inventory: ['10.0.0.1:8080'],
    cart: ['10.0.0.1', { adress: '10.0.0.1:80' }, 5],
    payment: [
      { address: 'a:1', version: 'v1', labels: { version: 'v2' } },
      { address: 'b:1', weight: -1, labels: { version: 2 } },
    ],
    user: 'a:1',
  })
  for (const part of [
    'Inventory: a name has lower-case letters',
    'cart[0]: "10.0.0.1": expected `host:port`',
    'cart[1].adress: unknown key `adress`: did you mean `address`?',
    'cart[2]: expected an address such as "10.0.0.1:8080", or a map with `address`, found 5',
    'payment[0].version: `version` and the label `version` differ',
    'payment[1].weight: expected a number from 0 to 1000000, found -1',
    'payment[1].labels.version: expected a text, found 2; put it in quotes',
    'user: expected a list, found "a:1"',
  ])
    expect(message).toContain(part)
})

test('an address listed twice is refused, in whatever form it is written', () => {
  expect(problemOf({ a: ['[::1]:80', '[0:0::1]:80'] })).toBe('staticEndpoints: a[1]: [::1]:80 is listed twice; give it a weight instead')
})

test.each([null, undefined, 'a:1', 5, [], JSON.parse('{"__proto__": ["a:1"]}')])('a map that is none is refused (%j)', (endpoints) => {
  expect(problemOf(endpoints)).toMatch(/expected a map of fields|not allowed/)
})
