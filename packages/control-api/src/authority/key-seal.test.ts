import { expect, test } from 'vitest'
import { KeySeal, newSealSettings, SealBroken } from './key-seal.ts'

const settings = newSealSettings(1024)
const secret = Buffer.from('correct horse battery')
const plain = Buffer.from('a private key')

test('what was sealed is opened by the same secret and settings, and reads as nothing before', async () => {
  const sealed = (await KeySeal.made(secret, settings)).seal(plain, 'root')
  expect(sealed).toMatch(/^[\w-]+$/)
  expect(Buffer.from(sealed, 'base64url').includes(plain)).toBe(false)
  expect((await KeySeal.made(secret, settings)).open(sealed, 'root')).toEqual(plain)
})

test('the same key sealed twice looks different', async () => {
  const seal = await KeySeal.made(secret, settings)
  expect(seal.seal(plain, 'root')).not.toBe(seal.seal(plain, 'root'))
})

test('another secret, another salt, another label, a changed bit and a cut end open nothing', async () => {
  const seal = await KeySeal.made(secret, settings)
  const sealed = seal.seal(plain, 'root')
  const bytes = Buffer.from(sealed, 'base64url')
  const flipped = Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) as number) ^ 1])])
  const sentence = 'The keys of the authority were sealed with another passphrase or key file, or were changed since.'
  const others = [await KeySeal.made(Buffer.from('correct horse'), settings), await KeySeal.made(secret, newSealSettings(1024))]
  for (const other of others) expect(() => other.open(sealed, 'root')).toThrow(new SealBroken(sentence))
  for (const [text, label] of [
    [sealed, 'intermediate'],
    [flipped.toString('base64url'), 'root'],
    [bytes.subarray(0, 20).toString('base64url'), 'root'],
    ['', 'root'],
  ] as const) {
    expect(() => seal.open(text, label)).toThrow(new SealBroken(sentence))
  }
})

test('settings of another program are refused', async () => {
  for (const text of ['', 'argon2 3 abc', settings.replace('1024', '0x1')]) {
    await expect(KeySeal.made(secret, text)).rejects.toThrow('settings that this program does not know')
  }
})

test('the usual cost is what is asked of scrypt today', () => {
  expect(newSealSettings()).toMatch(/^scrypt 131072 /)
})
