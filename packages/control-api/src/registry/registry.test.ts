import { type FakeClock, fakeClock } from '@zerohop/mesh-core/testing'
import { describe, expect, test } from 'vitest'
import type { Lease, LeaseStore } from '../store/lease-store.ts'
import { memoryStores } from '../store/memory-stores.ts'
import { Registry, RegistryFull, registryBounds } from './registry.ts'

const request = { address: 'a:1', labels: {}, zone: '', weight: 1, healthy: true }

interface Scripted {
  readonly clock: FakeClock
  readonly store: LeaseStore
  readonly batches: { put: readonly Lease[]; drop: readonly unknown[] }[]
  readonly registry: Registry
}

function opened(store?: LeaseStore): Scripted {
  const clock = fakeClock()
  const kept = store ?? memoryStores(clock).leases
  const batches: Scripted['batches'] = []
  const watched: LeaseStore = {
    load: () => kept.load(),
    save: (batch) => {
      kept.save(batch)
      batches.push(batch)
    },
  }
  let index = 0
  return { clock, store: kept, batches, registry: new Registry({ store: watched, clock, leaseMs: 30_000, nextIndex: () => ++index }) }
}

describe('a lease', () => {
  test('that is renewed lives, and ends 30 s after its last renewal', async () => {
    const { clock, registry } = opened()
    registry.renew('payment', 'p1', request)
    for (let n = 0; n < 20; n++) {
      await clock.advance('5s')
      registry.renew('payment', 'p1', request)
    }
    await clock.advance('30s')
    expect(registry.roll('payment')?.size).toBe(1)
    await clock.advance('3s')
    expect(registry.roll('payment')).toBeUndefined()
    expect(registry.size).toBe(0)
  })

  test('that is renewed with the same content tells nobody and writes nothing', async () => {
    const { clock, registry, batches } = opened()
    const told: string[] = []
    registry.renew('payment', 'p1', request)
    await clock.advance('1s')
    registry.subscribe((service) => told.push(service))
    for (let n = 0; n < 5; n++) registry.renew('payment', 'p1', { ...request, labels: {} })
    await clock.advance('1s')
    expect(told).toEqual([])
    expect(batches).toHaveLength(1)
  })

  test('that changes tells whether callers see it', () => {
    const { registry } = opened()
    const told: boolean[] = []
    registry.subscribe((_, changed) => told.push(changed))
    registry.renew('payment', 'p1', { ...request, healthy: false })
    registry.renew('payment', 'p1', request)
    registry.renew('payment', 'p1', { ...request, labels: { version: 'v2' } })
    registry.release('payment', 'p1')
    expect(told).toEqual([false, true, true, true])
  })

  test('that was released is gone at once, and once only', () => {
    const { registry } = opened()
    registry.renew('payment', 'p1', request)
    expect(registry.release('payment', 'p1')).toBe(true)
    expect(registry.release('payment', 'p1')).toBe(false)
    expect([...registry.services()]).toEqual([])
  })

  test('does not end while the process stood still and could not hear', async () => {
    const { clock, registry } = opened()
    registry.renew('payment', 'p1', request)
    const { now } = clock
    let jumpedMs = 0
    Object.assign(clock, { now: () => now.call(clock) + jumpedMs })
    await clock.advance('10s')
    jumpedMs = 600_000
    await clock.advance('10s')
    expect(registry.roll('payment')?.size).toBe(1)
    await clock.advance('20s')
    expect(registry.roll('payment')).toBeUndefined()
  })
})

describe('a client that went mad', () => {
  test('takes no more than so many leases, and renews those that it has', () => {
    const { registry } = opened()
    const { instancesOfService } = registryBounds
    for (let n = 0; n < instancesOfService; n++) registry.renew('payment', `p${n}`, request)
    expect(() => registry.renew('payment', 'more', request)).toThrow(RegistryFull)
    registry.renew('payment', 'p0', { ...request, zone: 'b' })
    registry.renew('user', 'u1', request)
    expect(registry.size).toBe(instancesOfService + 1)
  })
})

describe('a service whose instances say more of themselves than documents hold', () => {
  const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`${n}`.padEnd(128, 'n'), 'v'.repeat(256)]))
  const wordy = (n: number) => ({ ...request, address: `a:${n}`, labels })

  test('is listed with as many as 8 MiB hold', () => {
    const { registry } = opened()
    const take = (): void => {
      for (let n = 1; n < 1000; n++) registry.renew('payment', `p${n}`, wordy(n))
    }
    expect(take).toThrow(RegistryFull)
    const bytes = Buffer.byteLength(registry.roll('payment')?.listText ?? '')
    expect([bytes <= 8 * 1_048_576 + 1000, bytes > 8 * 1_048_576 - 30_000]).toEqual([true, true])
    registry.renew('payment', 'p1', wordy(1))
    registry.renew('user', 'u1', wordy(1))
    expect(() => registry.renew('payment', 'p1', { ...wordy(1), zone: 'z'.repeat(20_000) })).toThrow(RegistryFull)
    expect(registry.roll('payment')?.get('p1')?.endpoint.zone).toBe(request.zone)
  })

  test('has room again when others have gone, or say less', () => {
    const { registry } = opened()
    expect(() => {
      for (let n = 1000; n < 2000; n++) registry.renew('payment', `p${n}`, wordy(n))
    }).toThrow(RegistryFull)
    registry.renew('payment', 'p1000', request)
    registry.renew('payment', 'more', wordy(9999))
    registry.release('payment', 'p1001')
    registry.renew('payment', 'most', wordy(9998))
    expect(() => registry.renew('payment', 'too much', wordy(9997))).toThrow(RegistryFull)
  })
})

describe('a restart', () => {
  test('removes nothing for one lease time, and then what was not renewed', async () => {
    const before = opened()
    before.registry.renew('payment', 'p1', request)
    before.registry.renew('payment', 'p2', { ...request, address: 'b:1' })
    before.registry.close()
    const { clock, registry } = opened(before.store)
    expect(registry.roll('payment')?.listLength).toBe(2)
    await clock.advance('29s')
    registry.renew('payment', 'p2', { ...request, address: 'b:1' })
    expect(registry.roll('payment')?.listLength).toBe(2)
    await clock.advance('5s')
    expect(registry.roll('payment')?.listText).toContain('b:1')
    expect(registry.roll('payment')?.listLength).toBe(1)
  })
})

describe('the store', () => {
  test('is written in batches, the last word of each lease only', async () => {
    const { clock, registry, batches } = opened()
    for (let n = 0; n < 100; n++) registry.renew('payment', `p${n}`, { ...request, address: `a:${n + 1}` })
    registry.renew('payment', 'p0', { ...request, address: 'a:1', zone: 'b' })
    registry.release('payment', 'p1')
    await clock.advance(200)
    expect(batches).toHaveLength(1)
    expect(batches[0]?.put).toHaveLength(99)
    expect(batches[0]?.drop).toEqual([{ service: 'payment', instance: 'p1' }])
  })

  test('that fails holds up nothing, and is tried again', async () => {
    const clock = fakeClock()
    let isFull = true
    const saved: Lease[] = []
    const store: LeaseStore = {
      load: () => [],
      save: ({ put }) => {
        if (isFull) throw new Error('disk full')
        saved.push(...put)
      },
    }
    const registry = new Registry({ store, clock, leaseMs: 30_000, nextIndex: () => 1 })
    registry.renew('payment', 'p1', request)
    await clock.advance('1s')
    expect(registry.failedSaves).toBe(1)
    expect(registry.roll('payment')?.listLength).toBe(1)
    isFull = false
    await clock.advance('10s')
    expect(saved).toHaveLength(1)
    registry.close()
    expect(clock.pending).toBe(0)
  })
})
