import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryStores } from './memory-stores.ts'
import { type PolicyStore, StaleRevision, type WriteNote } from './policy-store.ts'
import { openSqliteStores } from './sqlite-stores.ts'
import type { Stores } from './stores.ts'

const note: WriteNote = { by: 'admin', action: 'put', forced: false }
const clock = { now: () => 1000, setTimer: () => ({ cancel: () => {} }) }
const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

interface Kind {
  readonly name: string
  readonly open: () => Stores
  /** Closes and opens it again, where that keeps anything. */
  readonly reopen: (stores: Stores) => Stores
}

function sqlite(): Kind {
  let directory = ''
  const open = (): Stores => {
    const stores = openSqliteStores(directory, clock)
    ends.push(() => stores.close())
    return stores
  }
  return {
    name: 'SQLite',
    open: () => {
      directory = mkdtempSync(join(tmpdir(), 'zerohop-store-'))
      const own = directory
      ends.push(() => rmSync(own, { recursive: true }))
      return open()
    },
    reopen: (stores) => {
      stores.close()
      return open()
    },
  }
}

const kinds: readonly Kind[] = [sqlite(), { name: 'memory', open: () => memoryStores(clock), reopen: (stores) => stores }]

function contentOf(store: PolicyStore): Record<string, unknown> {
  return Object.fromEntries([...store.all()].map(({ service, document, revision }) => [service, { document, revision }]))
}

describe.each(kinds)('a policy store in $name', ({ open, reopen }) => {
  test('is empty at revision 0, under an epoch that versions can carry', () => {
    const { policies } = open()
    expect([policies.revision, [...policies.all()], policies.history({ limit: 10 })]).toEqual([0, [], []])
    expect(policies.epoch).toMatch(/^[0-9a-z]{1,32}$/)
  })

  test('numbers each write, whatever the number of its changes', () => {
    const { policies } = open()
    expect(policies.write([{ service: 'a', document: { timeout: '1s' } }], note)).toBe(1)
    const both = [
      { service: 'a', document: null },
      { service: 'b', document: { timeout: '2s' } },
    ]
    expect(policies.write(both, note)).toBe(2)
    expect(contentOf(policies)).toEqual({ b: { document: { timeout: '2s' }, revision: 2 } })
    expect(policies.get('a')).toBeNull()
  })

  test('lets only one of two writers win who saw the same revision', () => {
    const { policies } = open()
    policies.write([{ service: 'a', document: { timeout: '1s' } }], note)
    policies.write([{ service: 'a', document: { timeout: '2s' }, expected: 1 }], note)
    expect(() => policies.write([{ service: 'a', document: { timeout: '3s' }, expected: 1 }], note)).toThrow(StaleRevision)
    expect(contentOf(policies)).toEqual({ a: { document: { timeout: '2s' }, revision: 2 } })
  })

  test('takes an expected revision of 0 for "there must be none"', () => {
    const { policies } = open()
    policies.write([{ service: 'a', document: {}, expected: 0 }], note)
    expect(() => policies.write([{ service: 'a', document: {}, expected: 0 }], note)).toThrow(/based on revision 0, and the newest is 1/)
    policies.write([{ service: 'a', document: null, expected: 1 }], note)
    expect(policies.write([{ service: 'a', document: {}, expected: 0 }], note)).toBe(3)
  })

  test('writes all changes or none', () => {
    const { policies } = open()
    const changes = [
      { service: 'a', document: {} },
      { service: 'b', document: {}, expected: 7 },
    ]
    expect(() => policies.write(changes, note)).toThrow(StaleRevision)
    expect([policies.revision, contentOf(policies)]).toEqual([0, {}])
  })

  test('takes no empty write, and no two changes of one service', () => {
    const { policies } = open()
    const change = { service: 'a', document: {} }
    expect(() => policies.write([], note)).toThrow(TypeError)
    expect(() => policies.write([change, change], note)).toThrow(TypeError)
  })

  test('tells of a write once it can be read, and not those who have left', () => {
    const { policies } = open()
    const heard: unknown[] = []
    const stop = policies.subscribe((services) => heard.push([...services, policies.revision, policies.get('a')?.document]))
    policies.write([{ service: 'a', document: { timeout: '1s' } }], note)
    expect(() => policies.write([{ service: 'a', document: {}, expected: 9 }], note)).toThrow()
    stop()
    policies.write([{ service: 'a', document: {} }], note)
    expect(heard).toEqual([['a', 1, { timeout: '1s' }]])
  })

  test('pages through its history, for all services or one', () => {
    const { policies } = open()
    for (const service of ['a', 'b', 'a']) policies.write([{ service, document: {} }], { by: 'eve', action: 'put', forced: true })
    const revisions = (options: Parameters<PolicyStore['history']>[0]) => policies.history(options).map(({ revision }) => revision)
    expect(revisions({ limit: 2 })).toEqual([3, 2])
    expect(revisions({ limit: 2, before: 2 })).toEqual([1])
    expect(revisions({ limit: 9, service: 'a' })).toEqual([3, 1])
    expect(policies.history({ limit: 1 })).toEqual([{ revision: 3, at: 1000, by: 'eve', action: 'put', forced: true, services: ['a'] }])
  })

  test('knows what was at each revision, and that there is none beyond', () => {
    const { policies } = open()
    policies.write([{ service: 'a', document: { timeout: '1s' } }], note)
    policies.write([{ service: 'a', document: null }], note)
    expect([0, 1, 2].map((revision) => policies.at(revision))).toEqual([
      [],
      [{ service: 'a', document: { timeout: '1s' }, revision: 1 }],
      [],
    ])
    for (const revision of [3, -1, 0.5, Number.NaN]) expect(() => policies.at(revision)).toThrow(RangeError)
  })

  test('agrees with a naive model on random walks, openings included', () => {
    const services = fc.constantFrom('a', 'b', 'c', 'defaults')
    const step = fc.record({
      service: services,
      document: fc.option(fc.record({ timeout: fc.integer({ min: 1, max: 9 }) }), { nil: null }),
      expected: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
      reopens: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let stores = open()
        let now: Record<string, { document: unknown; revision: number }> = {}
        const past = [now]
        for (const { service, document, expected, reopens } of steps) {
          const { policies } = stores
          const change = { service, document, ...(expected === undefined ? {} : { expected }) }
          if (expected !== undefined && expected !== (now[service]?.revision ?? 0)) {
            expect(() => policies.write([change], note)).toThrow(StaleRevision)
          } else {
            expect(policies.write([change], note)).toBe(past.length)
            now = { ...now }
            if (document === null) delete now[service]
            else now[service] = { document, revision: past.length }
            past.push(now)
          }
          if (reopens) stores = reopen(stores)
          expect(contentOf(stores.policies)).toEqual(now)
        }
        past.forEach((then, revision) => {
          const kept = stores.policies.at(revision)
          expect(Object.fromEntries(kept.map(({ service, document, revision }) => [service, { document, revision }]))).toEqual(then)
        })
      }),
      { numRuns: 40 },
    )
  })
})

describe.each(kinds)('the other stores in $name', ({ open, reopen }) => {
  test('keep leases, tokens, marks and the audit', () => {
    let stores = open()
    const endpoint = { address: '10.0.0.1:80', labels: { version: 'v1' }, zone: 'a', weight: 1 }
    const lease = (instance: string, renewedAt: number) => ({ service: 's', instance, endpoint, healthy: true, renewedAt })
    stores.leases.save({ put: [lease('1', 5), lease('2', 6)], drop: [] })
    stores.leases.save({ put: [lease('2', 7)], drop: [{ service: 's', instance: '1' }] })
    const rest = { expiresAt: null, singleUse: false, spent: null, revokedAt: null }
    const token = { id: 'x'.repeat(12), hash: '00', service: null, name: 'admin', createdAt: 1, createdBy: 'test', ...rest }
    const spent = { at: 2, keyHash: 'k', certificates: 'pem', notBefore: 1, notAfter: 3 }
    stores.tokens.change({ put: [token, { ...token, id: 'z', service: 's', singleUse: true, expiresAt: 9 }] })
    stores.tokens.change({ put: [{ ...token, id: 'y', service: 's' }], drop: [token.id] })
    stores.tokens.change({ put: [{ ...token, id: 'z', service: 's', singleUse: true, expiresAt: 9, spent, revokedAt: 4 }] })
    stores.marks.raise('index', 500)
    stores.marks.raise('index', 400)
    const entry = { at: 1, by: 'admin', remote: '::1', action: 'policy.put', subject: 'a', revision: 1, forced: false }
    for (const subject of ['a', 'b', 'c']) stores.audit.record({ ...entry, subject })
    stores = reopen(stores)
    expect(stores.leases.load()).toEqual([lease('2', 7)])
    const once = { ...token, id: 'z', service: 's', singleUse: true, expiresAt: 9, spent, revokedAt: 4 }
    expect([...stores.tokens.all()]).toEqual([once, { ...token, id: 'y', service: 's' }])
    expect([stores.tokens.get('y')?.service, stores.tokens.get(token.id)]).toEqual(['s', null])
    expect([stores.marks.get('index'), stores.marks.get('other')]).toEqual([500, 0])
    expect(stores.audit.list({ limit: 2 }).map(({ subject }) => subject)).toEqual(['c', 'b'])
    expect(stores.audit.list({ limit: 2, before: 2 })).toEqual([{ ...entry, number: 1 }])
  })
})
