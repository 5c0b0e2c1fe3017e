import type { EndpointRecord } from '@zerohop/mesh-core/policy'
import { fakeClock } from '@zerohop/mesh-core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NaiveClient } from '../testing/naive-client.ts'
import { TestPlane } from '../testing/test-plane.ts'

const services = ['a', 'b', 'c']
const step = fc.oneof(
  fc.record({
    do: fc.constant('lease' as const),
    service: fc.constantFrom(...services),
    n: fc.nat(70),
    version: fc.constantFrom('v1', 'v2'),
    healthy: fc.boolean(),
    host: fc.nat(75),
  }),
  fc.record({ do: fc.constant('many' as const), service: fc.constantFrom(...services), from: fc.nat(40) }),
  fc.record({ do: fc.constant('release' as const), service: fc.constantFrom(...services), n: fc.nat(70) }),
  fc.record({
    do: fc.constant('policy' as const),
    service: fc.constantFrom('defaults', 'shop', ...services),
    timeout: fc.integer({ min: 1, max: 4 }),
    external: fc.boolean(),
  }),
  fc.record({ do: fc.constant('delete' as const), service: fc.constantFrom('defaults', 'shop', ...services) }),
  fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 150 }) }),
  fc.record({ do: fc.constant('uses' as const), client: fc.nat(3), uses: fc.subarray(services) }),
  fc.record({ do: fc.constant('poll' as const), client: fc.nat(3), loss: fc.constantFrom('none', 'none', 'none', 'answer', 'connection') }),
  fc.record({ do: fc.constant('restart' as const) }),
)

describe('any walk', () => {
  test('of leases, policies, losses and restarts ends with every client on exactly the document that a naive model writes', async () => {
    const walk = fc.asyncProperty(fc.array(step, { maxLength: 90, size: 'max' }), async (steps) => {
      const plane = new TestPlane(fakeClock())
      const leases = new Map<string, { service: string; endpoint: EndpointRecord; healthy: boolean; order: number }>()
      const seenWithLease = new Set<string>()
      const clients = [0, 1, 2, 3].map((n) => Object.assign(new NaiveClient(plane, `i${n}`, []), { schema: n === 3 ? 1 : 2 }))
      let order = 0
      const lease = (service: string, n: number, rest: { host: number; version: string; healthy: boolean }): void => {
        const endpoint = { address: `h${rest.host}:80`, labels: { version: rest.version }, zone: '', weight: 1 }
        plane.registry.renew(service, `n${n}`, { ...endpoint, healthy: rest.healthy })
        const before = leases.get(`${service}/${n}`)
        const held = before?.endpoint.address === endpoint.address ? before.order : order++
        leases.set(`${service}/${n}`, { service, endpoint, healthy: rest.healthy, order: held })
        seenWithLease.add(service)
      }
      for (const one of steps) {
        if (one.do === 'lease') lease(one.service, one.n, one)
        if (one.do === 'many')
          for (let n = one.from; n < one.from + 30; n++) lease(one.service, n, { host: n, version: 'v1', healthy: true })
        if (one.do === 'release') {
          plane.registry.release(one.service, `n${one.n}`)
          leases.delete(`${one.service}/${one.n}`)
        }
        if (one.do === 'policy') plane.write(one.service, { timeout: `${one.timeout}s`, ...(one.external ? { external: true } : {}) })
        if (one.do === 'delete' && plane.stores.policies.get(one.service) !== null) plane.write(one.service, null)
        if (one.do === 'time') await plane.clock.advance(one.ms)
        if (one.do === 'restart') {
          for (const client of clients) client.leave()
          plane.restart()
          seenWithLease.clear()
          for (const { service } of leases.values()) seenWithLease.add(service)
          // Claims to one address are kept by name over a restart, not by time: the walk begins them anew.
          for (const [key, held] of [...leases].sort(([x], [y]) => (keyName(x) < keyName(y) ? -1 : 1)))
            leases.set(key, { ...held, order: order++ })
        }
        if (one.do === 'uses') clients[one.client]!.uses = one.uses
        if (one.do === 'poll') {
          const client = clients[one.client]!
          client.apply()
          client.poll()
          if (one.loss === 'connection') client.leave()
          if (one.loss === 'answer') client.answer = null
        }
      }
      for (const client of clients) {
        for (let round = 0; round < 4; round++) {
          client.apply()
          client.poll()
          await plane.clock.advance(200)
        }
        client.apply()
        client.leave()
        const visible = (service: string) => {
          const owners = new Map<string, { endpoint: EndpointRecord; healthy: boolean; order: number }>()
          for (const held of leases.values()) {
            const other = owners.get(held.endpoint.address)
            if (held.service === service && (other === undefined || other.order < held.order)) owners.set(held.endpoint.address, held)
          }
          return [...owners.values()].filter(({ healthy }) => healthy).map(({ endpoint }) => endpoint)
        }
        for (const service of new Set(['defaults', 'shop', ...client.uses])) {
          const stored = plane.stores.policies.get(service)?.document
          const { external, ...level1 } = stored ?? {}
          const expected =
            stored === undefined ? undefined : client.schema === 1 ? level1 : { ...level1, ...(external ? { external } : {}) }
          expect(client.policies.get(service)?.document, `policy/${service}`).toEqual(expected)
        }
        for (const service of client.uses) {
          const byAddress = (x: EndpointRecord, y: EndpointRecord) => (x.address < y.address ? -1 : 1)
          const isKnown = seenWithLease.has(service) || plane.stores.policies.get(service) !== null
          const held = client.endpoints.get(service)
          expect(held !== undefined, `${service} is known`).toBe(isKnown)
          expect([...(held?.values() ?? [])].sort(byAddress)).toEqual(visible(service).sort(byAddress))
        }
        expect(client.mismatches, 'hashes that did not fit').toBe(0)
        expect([...client.endpoints.keys()].every((name) => client.uses.includes(name))).toBe(true)
      }
      expect(plane.documents.parked).toBe(0)
      plane.documents.close()
      plane.registry.close()
      expect(plane.clock.pending).toBe(0)
    })
    await fc.assert(walk, { numRuns: 100 })
  }, 60_000)
})

function keyName(key: string): string {
  return key.replace('/', '/n')
}
