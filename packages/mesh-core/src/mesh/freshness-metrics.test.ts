import { expect, test } from 'vitest'
import { createMesh } from './mesh.ts'

test('age, failures and held endpoints of a source are metrics, by source and service', async () => {
  const fresh = { source: 'consul', service: 'payment', ageMs: 1500, failures: 3, held: 2 }
  const discovery = { name: 'consul', watch: () => null, services: () => [], freshness: () => [fresh], close: async () => {} }
  await using mesh = createMesh({ service: 'shop', discovery })
  const page = await mesh.metrics()
  expect(page).toContain('zerohop_discovery_age_seconds{source="consul",service="payment"} 1.5')
  expect(page).toContain('zerohop_discovery_held{source="consul",service="payment"} 2')
  expect(page).toContain('zerohop_discovery_failures_total{source="consul",service="payment"} 3')
})

test('what has never been confirmed has the age -1', async () => {
  const fresh = { source: 'dns', service: 'payment', ageMs: -1, failures: 0, held: 0 }
  const discovery = { name: 'dns', watch: () => null, services: () => [], freshness: () => [fresh], close: async () => {} }
  await using mesh = createMesh({ service: 'shop', discovery })
  expect(await mesh.metrics()).toContain('zerohop_discovery_age_seconds{source="dns",service="payment"} -1\n')
})
