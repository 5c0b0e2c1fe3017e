import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openAuthority } from './authority/open-authority.ts'
import { systemClock } from './clock.ts'
import { keepRootsFile } from './roots-file.ts'
import { memoryStores } from './store/memory-stores.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-roots-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('the file holds the roots of the moment, and nothing else is left beside it', async () => {
  const clock = systemClock
  const secret = { passphrase: 'a passphrase of a test' }
  const authority = await openAuthority({
    store: memoryStores(clock).authority,
    clock,
    trustDomain: 'shop.internal',
    secret,
    sealCost: 1024,
  })
  const path = join(directory, 'ca.pem')
  const faults: string[] = []
  const stop = keepRootsFile(path, authority, (sentence) => faults.push(sentence))
  expect(readFileSync(path, 'utf8')).toBe(authority.trust.roots.join(''))
  await authority.rotate()
  expect(authority.trust.roots).toHaveLength(2)
  expect(readFileSync(path, 'utf8')).toBe(authority.trust.roots.join(''))
  expect(readdirSync(directory)).toEqual(['ca.pem'])
  stop()
  await authority.close()
  expect(faults).toEqual([])
  rmSync(directory, { recursive: true })
  expect(() => keepRootsFile(path, authority, () => {})).toThrow(`The roots cannot be written to ${path}`)
})
