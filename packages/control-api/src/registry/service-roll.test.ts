import { type EndpointRecord, hashOfEndpoints } from '@zerohop/mesh-core/policy'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ServiceRoll } from './service-roll.ts'

function endpoint(address: string, version = 'v1'): EndpointRecord {
  return { address, labels: { version }, zone: '', weight: 1 }
}

function counted(): { roll: ServiceRoll; index: () => number } {
  let index = 0
  return { roll: new ServiceRoll(0, () => ++index), index: () => index }
}

function listOf(roll: ServiceRoll): EndpointRecord[] {
  return JSON.parse(roll.listText) as EndpointRecord[]
}

describe('an address', () => {
  test('belongs to the instance that took it last, and goes back when that one ends', () => {
    const { roll } = counted()
    roll.put({ instance: 'old', endpoint: endpoint('a:1', 'v1'), healthy: true, heardAt: 0 })
    roll.put({ instance: 'new', endpoint: endpoint('a:1', 'v2'), healthy: true, heardAt: 0 })
    expect(listOf(roll)).toEqual([endpoint('a:1', 'v2')])
    expect(roll.put({ instance: 'old', endpoint: endpoint('a:1', 'v3'), healthy: true, heardAt: 0 })).toBe(false)
    roll.drop('new')
    expect(listOf(roll)).toEqual([endpoint('a:1', 'v3')])
  })

  test('of an instance that says it is not healthy is not listed, whatever its predecessor said', () => {
    const { roll } = counted()
    roll.put({ instance: 'old', endpoint: endpoint('a:1'), healthy: true, heardAt: 0 })
    roll.put({ instance: 'new', endpoint: endpoint('a:1'), healthy: false, heardAt: 0 })
    expect(roll.listLength).toBe(0)
    expect(roll.size).toBe(2)
    expect(roll.hash).toBe('0000000000000000')
  })

  test('is left when its instance moves', () => {
    const { roll } = counted()
    roll.put({ instance: 'one', endpoint: endpoint('a:1'), healthy: true, heardAt: 0 })
    expect(roll.put({ instance: 'one', endpoint: endpoint('b:1'), healthy: true, heardAt: 0 })).toBe(true)
    expect(listOf(roll)).toEqual([endpoint('b:1')])
  })
})

describe('the log', () => {
  test('of a short list does not grow with the number of changes', () => {
    const { roll, index } = counted()
    for (let n = 0; n < 10_000; n++) roll.put({ instance: 'one', endpoint: endpoint('a:1', `v${n}`), healthy: true, heardAt: 0 })
    expect(roll.logLength).toBeLessThanOrEqual(128)
    expect(roll.changesSince(index() - 10)?.addresses).toEqual(new Set(['a:1']))
    expect(roll.changesSince(5)).toBeNull()
  })

  test('knows nothing from before the list began', () => {
    const roll = new ServiceRoll(100, () => 101)
    roll.put({ instance: 'one', endpoint: endpoint('a:1'), healthy: true, heardAt: 0 })
    expect(roll.changesSince(99)).toBeNull()
    expect(roll.changesSince(100)?.from).toBe('0000000000000000')
  })
})

describe('any walk', () => {
  const step = fc.record({
    instance: fc.nat(12),
    host: fc.nat(8),
    version: fc.constantFrom('v1', 'v2'),
    healthy: fc.boolean(),
    drop: fc.boolean(),
  })

  test('ends on the list, the hash and the deltas that a naive model has', () => {
    const walk = fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const { roll, index } = counted()
      const claims: { instance: string; endpoint: EndpointRecord; healthy: boolean }[] = []
      const past = new Map<number, Map<string, EndpointRecord>>([[0, new Map()]])
      for (const { instance: n, host, version, healthy, drop } of steps) {
        const instance = `i${n}`
        const at = claims.findIndex((claim) => claim.instance === instance)
        if (drop) {
          roll.drop(instance)
          if (at >= 0) claims.splice(at, 1)
        } else {
          const claim = { instance, endpoint: endpoint(`h${host}:1`, version), healthy }
          roll.put({ ...claim, heardAt: 0 })
          if (claims[at]?.endpoint.address === claim.endpoint.address) claims[at] = claim
          else {
            if (at >= 0) claims.splice(at, 1)
            claims.push(claim)
          }
        }
        const owners = new Map(claims.map((claim) => [claim.endpoint.address, claim]))
        const naive = new Map([...owners].filter(([, { healthy }]) => healthy).map(([address, claim]) => [address, claim.endpoint]))
        expect(new Map(listOf(roll).map((one) => [one.address, one]))).toEqual(naive)
        expect(roll.hash).toBe(hashOfEndpoints(naive.values()))
        past.set(index(), naive)
      }
      for (const [then, list] of past) {
        const changes = roll.changesSince(then)
        if (changes === null) continue
        expect(changes.from).toBe(hashOfEndpoints(list.values()))
        for (const address of changes.addresses) {
          const text = roll.textOf(address)
          if (text === undefined) list.delete(address)
          else list.set(address, JSON.parse(text) as EndpointRecord)
        }
        expect(hashOfEndpoints(list.values())).toBe(roll.hash)
      }
    })
    fc.assert(walk, { numRuns: 100 })
  })
})
