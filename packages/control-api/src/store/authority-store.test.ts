import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { LeafName, StoredAuthority, StoredLeaf } from './authority-store.ts'
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

function name(serial: string): LeafName {
  return { serial, digest: `of ${serial}` }
}

function leaf(serial: string, root: number, until: number): StoredLeaf {
  return { serial, digest: `of ${serial}`, root, until, notAfter: until, token: '' }
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
    store.addLeaf(leaf('a', 1, 100), 0)
    store.addLeaf(leaf('b', 1, 200), 0)
    store.addLeaf(leaf('c', 2, 300), 0)
    expect([store.lastUse(0), store.lastUse(1), store.lastUse(2), store.countLeaves(100)]).toEqual([0, 200, 300, 2])
  })

  test('ends a leaf that was replaced, never later than it would have ended anyway', () => {
    const { authority: store } = open()
    store.addLeaf(leaf('a', 1, 100), 0)
    store.addLeaf(leaf('b', 2, 300), 0, { ...name('a'), until: 60 })
    expect(store.lastUse(1)).toBe(60)
    store.addLeaf(leaf('c', 2, 300), 0, { ...name('a'), until: 90 })
    expect(store.lastUse(1)).toBe(60)
    store.addLeaf(leaf('d', 2, 300), 0, { ...name('unknown'), until: 10 })
    expect(store.countLeaves(60)).toBe(3)
  })

  test('knows with which token the line of a leaf began until that leaf expires, though it was replaced', () => {
    const { authority: store } = open()
    store.addLeaf({ ...leaf('a', 1, 100), token: 'one' }, 0)
    store.addLeaf({ ...leaf('b', 1, 300), token: 'one' }, 0, { ...name('a'), until: 60 })
    store.addLeaf({ ...leaf('c', 1, 200), token: 'two' }, 80)
    store.addLeaf(leaf('d', 1, 400), 80)
    expect(['a', 'b', 'c', 'd', 'unknown'].map((serial) => store.lineOf(name(serial)))).toEqual(['one', 'one', 'two', '', ''])
    expect(store.lineEnds(80)).toEqual(new Map(Object.entries({ one: 300, two: 200 })))
    expect([...store.lineEnds(200).keys()]).toEqual(['one'])
    store.addLeaf(leaf('e', 1, 400), 100)
    expect(store.lineOf(name('a'))).toBe('')
  })

  test('takes nothing for a leaf that has the serial number of one', () => {
    const { authority: store } = open()
    store.addLeaf({ ...leaf('a', 1, 100), token: 'one' }, 0)
    const forged = { serial: 'a', digest: 'of another' }
    store.addLeaf(leaf('b', 2, 300), 0, { ...forged, until: 60 })
    expect([store.lineOf(forged), store.lastUse(1)]).toEqual(['', 100])
  })

  test('forgets leaves that have ended', () => {
    const { authority: store } = open()
    store.addLeaf(leaf('a', 1, 100), 0)
    store.addLeaf(leaf('b', 2, 200), 100)
    expect([store.lastUse(1), store.countLeaves(0)]).toEqual([0, 1])
  })
})
