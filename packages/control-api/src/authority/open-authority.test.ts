import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TestAuthorities } from '../testing/test-authorities.ts'
import { testRequest } from '../testing/test-request.ts'

let authorities: TestAuthorities
let directory = ''
beforeEach(() => {
  authorities = new TestAuthorities()
  directory = mkdtempSync(join(tmpdir(), 'zerohop-authority-'))
})
afterEach(async () => {
  await authorities.close()
  rmSync(directory, { recursive: true })
})

test('the first one makes a root and an intermediate, and the next process finds them again', async () => {
  const first = await authorities.open()
  const { trust, fingerprint } = first
  expect(trust).toMatchObject({ trustDomain: 'shop.internal', renewBefore: 0, roots: [expect.stringContaining('BEGIN CERTIFICATE')] })
  expect(fingerprint).toMatch(/^[\w-]{43}$/)
  expect(first.rotation).toEqual({ phase: 'none', since: 0, oldRoot: '', newRoot: '', laggards: [], waitsFor: '' })
  const second = await authorities.restart()
  expect([second.trust, second.fingerprint]).toEqual([trust, fingerprint])
  expect(await second.sign({ service: 'cart', csr: await testRequest('cart') })).toMatchObject({ serial: expect.any(String) })
})

test('no private key is in the store but sealed', async () => {
  await authorities.open()
  const stored = JSON.stringify(authorities.store.load())
  expect(stored).not.toMatch(/PRIVATE/)
  // How every P-256 key in PKCS#8 begins.
  const head = Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107', 'hex')
  for (const text of stored.match(/[\w-]{100,}/g) ?? []) expect(Buffer.from(text, 'base64url').includes(head)).toBe(false)
})

test('with another passphrase, or the wrong key file, it says so and does not start', async () => {
  await authorities.open()
  const sentence = 'The keys of the authority were sealed with another passphrase or key file, or were changed since.'
  await expect(authorities.restart({ secret: { passphrase: 'not the passphrase' } })).rejects.toThrow(sentence)
  const keyFile = join(directory, 'authority.key')
  await expect(authorities.restart({ secret: { keyFile } })).rejects.toThrow(/it is not there, and the keys of this authority/)
})

test('a key file that is missing is made for a new authority, and said', async () => {
  const keyFile = join(directory, 'authority.key')
  const first = await authorities.open({ secret: { keyFile } })
  expect(first.freshKeyFile).toBe(keyFile)
  const second = await authorities.restart({ secret: { keyFile } })
  expect([second.freshKeyFile, second.fingerprint]).toEqual([null, first.fingerprint])
  rmSync(keyFile)
  await expect(authorities.restart({ secret: { keyFile } })).rejects.toThrow(/it is not there/)
})

test('the trust domain of an authority is never another one', async () => {
  await authorities.open()
  await expect(authorities.restart({ trustDomain: 'shop.external' })).rejects.toThrow(
    'The authority in this store is that of the trust domain shop.internal, and shop.external is asked for',
  )
  await expect(new TestAuthorities().open({ trustDomain: 'Shop' })).rejects.toThrow('The trust domain "Shop" cannot be used: ')
})

test('a life of less than ten seconds or more than 90 days is refused', async () => {
  for (const leafLifeMs of [9999, 90 * 86_400_000 + 1]) {
    await expect(authorities.open({ leafLifeMs })).rejects.toThrow(`The life of a certificate is ${leafLifeMs} ms`)
  }
})

test('an intermediate whose time came while nothing ran is replaced before anything is signed', async () => {
  await authorities.open()
  await authorities.close()
  await authorities.pass(400 * 86_400_000)
  const { notAfter } = await (await authorities.open()).own(['localhost'])
  expect(notAfter).toBeGreaterThan(authorities.clock.now() + 86_000_000)
})
