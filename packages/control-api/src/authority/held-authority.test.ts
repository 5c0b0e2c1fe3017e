import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteStores } from '../store/sqlite-stores.ts'
import type { Stores } from '../store/stores.ts'
import { TestAuthorities } from '../testing/test-authorities.ts'

let directory = ''
let stores: Stores
let authorities: TestAuthorities
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-held-'))
  authorities = new TestAuthorities()
  stores = openSqliteStores(directory, authorities.clock)
  authorities.store = stores.authority
})
afterEach(async () => {
  await authorities.close()
  stores.close()
  rmSync(directory, { recursive: true })
})

/** Does `write`, and takes it back. */
function takenBack(write: () => void): void {
  stores.atomically(() => {
    write()
    throw new Error('the audit cannot be written')
  })
}

test('nobody hears of a change that is taken back with its transaction', async () => {
  const authority = await authorities.open()
  const heard: number[] = []
  authority.subscribe(() => heard.push(authority.trust.renewBefore))
  expect(() => takenBack(() => authority.renewAll())).toThrow('the audit cannot be written')
  expect([authority.trust.renewBefore, heard]).toEqual([0, []])
  stores.atomically(() => authority.renewAll())
  expect(heard).toEqual([authority.trust.renewBefore])
  expect(stores.authority.load()?.renewBefore).toBe(authority.trust.renewBefore)
})

test('a rotation begins together with what is written beside it, or not at all', async () => {
  const authority = await authorities.open()
  await expect(authority.rotate(takenBack)).rejects.toThrow('the audit cannot be written')
  expect(authority.rotation).toMatchObject({ phase: 'none', waitsFor: '' })
  expect(authority.trust.roots).toHaveLength(1)
  const told: unknown[] = []
  const state = await authority.rotate((begin, roots) => stores.atomically(() => [begin(), told.push(roots)]))
  expect(told).toEqual([{ oldRoot: state.oldRoot, newRoot: state.newRoot }])
  expect([state.phase, authority.trust.roots.length]).toEqual(['spreading', 2])
})
