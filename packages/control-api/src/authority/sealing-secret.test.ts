import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSecret } from './sealing-secret.ts'

let directory = ''
let keyFile = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-key-'))
  keyFile = join(directory, 'authority.key')
})
afterEach(() => rmSync(directory, { recursive: true }))

test('a key file is made for a new authority, for its owner’s eyes only, and read from then on', () => {
  const made = readSecret({ keyFile }, true)
  expect(made.freshKeyFile).toBe(keyFile)
  expect(statSync(keyFile).mode & 0o777).toBe(0o600)
  expect(readFileSync(keyFile)).toEqual(made.bytes)
  expect(made.bytes.length).toBeGreaterThan(40)
  expect(readSecret({ keyFile }, true)).toEqual({ bytes: made.bytes, freshKeyFile: null })
  expect(readSecret({ keyFile }, false).bytes).toEqual(made.bytes)
})

test('for an authority that exists a missing key file is not replaced by another one', () => {
  expect(() => readSecret({ keyFile }, false)).toThrow(
    `The key file ${keyFile} of the authority cannot be used: it is not there, and the keys of this authority were sealed with it.`,
  )
  expect(() => statSync(keyFile)).toThrow(/ENOENT/)
})

test('a key file that is too short, too long or no file is refused with its path', () => {
  writeFileSync(keyFile, 'secret')
  expect(() => readSecret({ keyFile }, true)).toThrow(`${keyFile} of the authority cannot be used: it has 6 bytes, expected 32 to 4096.`)
  writeFileSync(keyFile, 'x'.repeat(5000))
  expect(() => readSecret({ keyFile }, true)).toThrow('it has 5000 bytes')
  expect(() => readSecret({ keyFile: directory }, true)).toThrow(/cannot be used: EISDIR/)
  expect(() => readSecret({ keyFile: join(directory, 'missing', 'key') }, true)).toThrow(/cannot be made: ENOENT/)
})

test('a passphrase has twelve characters, and is the same however its accents are written', () => {
  expect(() => readSecret({ passphrase: 'hunter2' }, true)).toThrow('has 7 characters, at least 12 are wanted')
  const composed = readSecret({ passphrase: 'caf\u00e9 au lait!' }, true)
  expect(readSecret({ passphrase: 'cafe\u0301 au lait!' }, true).bytes).toEqual(composed.bytes)
  expect(composed.freshKeyFile).toBeNull()
})
