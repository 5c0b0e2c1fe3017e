import { expect, test } from 'vitest'
import type { Discovery } from '../kernel/discovery.ts'
import { CombinedDiscovery } from './combined-discovery.ts'

const nothing: Discovery = { name: 'nothing', watch: () => null, services: () => [], close: async () => {} }

test("the freshness of the program's own source is told, and a source without any is no obstacle", () => {
  const fresh = { source: 'consul', service: 'payment', ageMs: 1, failures: 2, held: 3 }
  const inquiry = { awaits: () => false }
  expect([...new CombinedDiscovery({ ...nothing, freshness: () => [fresh] }, nothing, inquiry).freshness()]).toEqual([fresh])
  expect([...new CombinedDiscovery(null, nothing, inquiry).freshness()]).toEqual([])
})
