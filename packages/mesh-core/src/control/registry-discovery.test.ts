import { expect, test } from 'vitest'
import type { EndpointInfo } from '../kernel/discovery.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { RegistryDiscovery } from './registry-discovery.ts'

const silence = { info: () => {}, warn: () => {}, error: () => {} }

function info(address: string): EndpointInfo {
  return { address, labels: {}, zone: '', weight: 1 }
}

function newsOf(lists: Record<string, readonly EndpointInfo[]>, newEpoch = false) {
  return {
    endpoints: new Map(Object.entries(lists).map(([service, list]) => [service, { list }])),
    newEpoch,
    wanted: (service: string) => service !== 'given-up',
  }
}

test('in a new epoch those who have not registered yet are kept beside those who have, for half a minute', async () => {
  const clock = fakeClock()
  const registry = new RegistryDiscovery(clock, silence)
  const [one, two] = [info('a:1'), info('b:1')]
  registry.adopt(newsOf({ cart: [one, two] }))
  registry.adopt(newsOf({ cart: [two] }, true))
  expect(registry.watch('cart')?.current).toEqual([two, one])
  await clock.advance('30s')
  expect(registry.watch('cart')?.current).toEqual([two])
  expect(clock.pending).toBe(0)
})

test('who follows a service hears of its changes alone', () => {
  const registry = new RegistryDiscovery(fakeClock(), silence)
  const one = info('a:1')
  registry.adopt(newsOf({ cart: [one] }))
  const heard: unknown[] = []
  registry.watch('cart')?.subscribe((list) => heard.push(list))
  registry.adopt(newsOf({ cart: [one], user: [info('c:1')] }))
  expect(heard).toEqual([])
  registry.adopt(newsOf({ cart: [one, info('b:1')], user: [] }))
  expect(heard).toHaveLength(1)
})

test('a service that is gone is told to be empty after the grace time, is listed no more, and comes back as something new', async () => {
  const clock = fakeClock()
  const registry = new RegistryDiscovery(clock, silence)
  registry.adopt(newsOf({ cart: [info('a:1')] }))
  const watch = registry.watch('cart')
  registry.adopt(newsOf({}))
  expect(watch?.current).toHaveLength(1)
  await clock.advance('30s')
  expect(watch?.current).toEqual([])
  expect([registry.watch('cart'), registry.services()]).toEqual([null, []])
  registry.adopt(newsOf({ cart: [info('b:1')] }))
  expect(registry.watch('cart')?.current).toEqual([info('b:1')])
})

test('a service that this process gave up goes without a grace time', () => {
  const clock = fakeClock()
  const registry = new RegistryDiscovery(clock, silence)
  registry.adopt(newsOf({ 'given-up': [info('a:1')] }))
  registry.adopt(newsOf({}))
  expect(registry.services()).toEqual([])
  expect(clock.pending).toBe(0)
})
