import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { StoredAuthority } from './authority-store.ts'
import { memoryStores } from './memory-stores.ts'
import { openSqliteStores } from './sqlite-stores.ts'
import type { Stores } from './stores.ts'

const clock = { now: () => 1000, setTimer: () => ({ cancel: () => {} }) }
const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

const first = { number: 1, certificate: 'root 1', key: null, link: null, intermediate: null, isRetired: true }
const second = {
  number: 2,
  certificate: 'root 2',
  key: 'sealed',
  link: 'link',
  intermediate: { certificate: 'intermediate', key: 'sealed too' },
  isRetired: false,
}
const authority: StoredAuthority = {
  trustDomain: 'shop.internal',
  seal: 'scrypt',
  renewBefore: 5,
  phase: 'renewing',
  since: 7,
  laggards: ['cart/1'],
  roots: [first, second],
}

function sqlite(): Stores {
  const directory = mkdtempSync(join(tmpdir(), 'zerohop-authority-'))
  const stores = openSqliteStores(directory, clock)
  ends.push(
    () => rmSync(directory, { recursive: true }),
    () => stores.close(),
  )
  return stores
}

describe.each([
  { name: 'SQLite', open: sqlite },
  { name: 'memory', open: () => memoryStores(clock) },
])('an authority in $name', ({ open }) => {
  test('is not there at first, and is afterwards what was saved last, all of it', () => {
    const { authority: store } = open()
    expect(store.load()).toBeNull()
    store.save(authority)
    expect(store.load()).toEqual(authority)
    const next: StoredAuthority = { ...authority, phase: 'none', laggards: [], roots: [second] }
    store.save(next)
    expect(store.load()).toEqual(next)
  })

  test('knows until when the leaves of old roots are in use', () => {
    const { authority: store } = open()
    expect([store.lastUse(9), store.countLeaves(0)]).toEqual([0, 0])
    store.addLeaf({ serial: 'a', root: 1, until: 100 }, 0)
    store.addLeaf({ serial: 'b', root: 1, until: 200 }, 0)
    store.addLeaf({ serial: 'c', root: 2, until: 300 }, 0)
    expect([store.lastUse(0), store.lastUse(1), store.lastUse(2), store.countLeaves(100)]).toEqual([0, 200, 300, 2])
  })

  test('ends a leaf that was replaced, never later than it would have ended anyway', () => {
    const { authority: store } = open()
    store.addLeaf({ serial: 'a', root: 1, until: 100 }, 0)
    store.addLeaf({ serial: 'b', root: 2, until: 300 }, 0, { serial: 'a', until: 60 })
    expect(store.lastUse(1)).toBe(60)
    store.addLeaf({ serial: 'c', root: 2, until: 300 }, 0, { serial: 'a', until: 90 })
    expect(store.lastUse(1)).toBe(60)
    store.addLeaf({ serial: 'd', root: 2, until: 300 }, 0, { serial: 'unknown', until: 10 })
    expect(store.countLeaves(60)).toBe(3)
  })

  test('forgets leaves that have ended', () => {
    const { authority: store } = open()
    store.addLeaf({ serial: 'a', root: 1, until: 100 }, 0)
    store.addLeaf({ serial: 'b', root: 2, until: 200 }, 100)
    expect([store.lastUse(1), store.countLeaves(0)]).toEqual([0, 1])
  })
})
