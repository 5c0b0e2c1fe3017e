/** All stores in memory alone: for tests, and for a control API that is to forget. */
import type { Clock } from '../clock.ts'
import type { AuditStore, NumberedEntry } from './audit-store.ts'
import type { Lease, LeaseStore } from './lease-store.ts'
import type { MarkStore } from './mark-store.ts'
import { memoryAuthority } from './memory-authority.ts'
import { MemoryPolicies } from './memory-policies.ts'
import type { Stores } from './stores.ts'
import type { StoredToken, TokenStore } from './token-store.ts'

/** New, empty stores. A write that throws must do so before it has changed anything: nothing is taken back. */
export function memoryStores(clock: Clock): Stores {
  const policies = new MemoryPolicies(clock)
  return {
    policies,
    leases: memoryLeases(),
    tokens: memoryTokens(),
    audit: memoryAudit(),
    marks: memoryMarks(),
    authority: memoryAuthority(),
    atomically: (write) => write(),
    close: () => policies.close(),
  }
}

function memoryLeases(): LeaseStore {
  const leases = new Map<string, Lease>()
  const keyOf = ({ service, instance }: { readonly service: string; readonly instance: string }) => `${service}/${instance}`
  return {
    load: () => [...leases.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, lease]) => lease),
    save: ({ put, drop }) => {
      for (const gone of drop) leases.delete(keyOf(gone))
      for (const lease of put) leases.set(keyOf(lease), lease)
    },
  }
}

function memoryTokens(): TokenStore {
  const tokens = new Map<string, StoredToken>()
  return {
    get: (id) => tokens.get(id) ?? null,
    all: () => tokens.values(),
    change: ({ put = [], drop = [] }) => {
      for (const id of drop) tokens.delete(id)
      for (const token of put) tokens.set(token.id, token)
    },
  }
}

function memoryAudit(): AuditStore {
  const entries: NumberedEntry[] = []
  return {
    record: (entry) => entries.push({ ...entry, number: entries.length + 1 }),
    list: ({ before = Number.POSITIVE_INFINITY, limit }) =>
      entries
        .filter(({ number }) => number < before)
        .reverse()
        .slice(0, limit),
  }
}

function memoryMarks(): MarkStore {
  const marks = new Map<string, number>()
  return {
    get: (name) => marks.get(name) ?? 0,
    raise: (name, value) => marks.set(name, Math.max(value, marks.get(name) ?? 0)),
  }
}
