import { type Discovery, type EndpointInfo, WatchSource } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { merge } from './merge.ts'
import { staticEndpoints } from './static.ts'

function at(...addresses: string[]): EndpointInfo[] {
  return addresses.map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
}

function moving(): { source: WatchSource<readonly EndpointInfo[]>; discovery: Discovery } {
  const source = new WatchSource<readonly EndpointInfo[]>()
  return { source, discovery: { name: 'moving', watch: () => source, services: () => ['cart'], close: async () => {} } }
}

test('merged endpoints are those of all sources, the earlier one’s record first, and change with each', () => {
  const [one, two] = [moving(), moving()]
  const merged = merge(one.discovery, two.discovery)
  const watch = merged.watch('cart')
  const updates: string[][] = []
  expect([watch?.current, merged.watch('cart') === watch]).toEqual([undefined, true])
  const stop = watch?.subscribe((list) => updates.push(list.map(({ address }) => address)))
  two.source.set(at('b:1'))
  one.source.set([{ address: 'b:1', labels: {}, zone: 'mine', weight: 1 }, ...at('a:1')])
  expect(updates).toEqual([['b:1'], ['b:1', 'a:1']])
  expect(watch?.current?.[0]?.zone).toBe('mine')
  stop?.()
  expect([one.source.listeners, two.source.listeners]).toEqual([0, 0])
  two.source.set(at('c:1'))
  expect(watch?.current?.map(({ address }) => address)).toEqual(['b:1', 'a:1', 'c:1'])
})

test('a service that no source knows is unknown to all together', () => {
  expect(merge(staticEndpoints({ cart: ['a:1'] })).watch('user')).toBeNull()
})
