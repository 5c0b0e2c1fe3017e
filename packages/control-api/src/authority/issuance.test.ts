import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { certificatesIn, leadsTo, TestAuthorities, willingWorld } from '../testing/test-authorities.ts'
import { ecKeys, testRequest } from '../testing/test-request.ts'
import type { Authority } from './authority.ts'
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension } from './x509.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const dayMs = 86_400_000
let authorities: TestAuthorities
beforeEach(() => {
  authorities = new TestAuthorities()
})
afterEach(() => authorities.close())

/** What openssl says to a chain, for both ends of a connection; nothing where it has nothing to say. */
function strictly(roots: readonly string[], certificates: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'zerohop-verify-'))
  try {
    const [leaf, ...others] = certificatesIn(certificates).map(String)
    for (const [name, content] of Object.entries({ roots, others, leaf: [leaf] })) writeFileSync(join(directory, name), content.join('\n'))
    return ['sslserver', 'sslclient']
      .map((purpose) => {
        const flags = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'roots', '-untrusted', 'others', 'leaf']
        const { stdout, stderr } = spawnSync('openssl', flags, { cwd: directory, encoding: 'utf8' })
        return stdout.replace('leaf: OK\n', '') + stderr
      })
      .join('')
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const textOf = (certificate: string) => execFileSync('openssl', ['x509', '-noout', '-text'], { input: certificate, encoding: 'utf8' })

async function rotated(authority: Authority): Promise<void> {
  await authority.rotate()
  await authorities.pass('10s')
  expect(await authority.step(willingWorld)).toMatch(/new root signs/)
}

test('a leaf says who its service is, and nothing else', async () => {
  const authority = await authorities.open()
  const extensions = [new BasicConstraintsExtension(true, 3, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)]
  const issued = await authority.sign({ service: 'cart', csr: await testRequest('cart', { subject: 'CN=payment', extensions }) })
  const [leaf, intermediate] = certificatesIn(issued.certificates)
  expect(leaf).toMatchObject({ subject: undefined, subjectAltName: 'URI:spiffe://shop.internal/svc/cart, DNS:cart', ca: false })
  expect(leaf?.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  expect(leaf?.serialNumber).toBe(issued.serial)
  expect(issued.serial).toMatch(/^[4-7][0-9A-F]{31}$/)
  expect([leaf?.validFromDate.getTime(), leaf?.validToDate.getTime()]).toEqual([issued.notBefore, issued.notAfter])
  expect(intermediate?.ca).toBe(true)
})

test('a leaf lives for as long as was set, from two minutes before its issue', async () => {
  const authority = await authorities.open({ leafLifeMs: 10_000 })
  const now = Math.floor(authorities.clock.now() / 1000) * 1000
  const { notBefore, notAfter } = await authority.sign({ service: 'cart', csr: await testRequest('cart') })
  expect([notBefore - now, notAfter - now]).toEqual([-120_000, 10_000])
})

test.skipIf(!hasOpenssl)('openssl has nothing to say to leaves, to the control API’s own and to those of a rotation', async () => {
  const authority = await authorities.open({ pace: { settleMs: 0 } })
  const { roots } = authority.trust
  const p384 = await authority.sign({ service: 'cart', csr: await testRequest('cart', { keys: await ecKeys('P-384') }) })
  const own = await authority.own(['control', 'control.svc.cluster.local', '127.0.0.1', '::1'])
  for (const { certificates } of [await authority.sign({ service: 'cart', csr: await testRequest('cart') }), p384, own]) {
    expect(strictly(roots, certificates)).toBe('')
  }
  await rotated(authority)
  const { certificates } = await authority.sign({ service: 'cart', csr: await testRequest('cart') })
  expect(strictly(authority.trust.roots, certificates)).toBe('')
  expect(strictly(authority.trust.roots.slice(1), certificates)).toBe('')
  expect(strictly(roots, certificates)).toBe('')
  expect(strictly([(await new TestAuthorities().open()).trust.roots[0] as string], certificates)).toMatch(/unable to get/)
})

test.skipIf(!hasOpenssl)('a root may sign nothing outside its trust domain, an intermediate nothing but leaves', async () => {
  const authority = await authorities.open()
  const [, intermediate] = certificatesIn((await authority.own(['localhost'])).certificates)
  const [root, between] = [authority.trust.roots[0] as string, String(intermediate)].map(textOf)
  for (const text of [root, between]) expect(text).toMatch(/Name Constraints: critical\s+Permitted:\s+URI:shop\.internal\n/)
  expect(root).toMatch(/Basic Constraints: critical\s+CA:TRUE\n/)
  expect(between).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/)
  for (const text of [root, between]) expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
})

test('the control API is a service of no name, with the hosts and addresses by which it is called', async () => {
  const authority = await authorities.open()
  const { certificates, key, notAfter } = await authority.own(['control', '127.0.0.1'])
  const [leaf] = certificatesIn(certificates)
  expect(leaf?.subjectAltName).toBe('URI:spiffe://shop.internal/control, DNS:control, IP Address:127.0.0.1')
  expect([leaf?.checkPrivateKey(key), leaf?.validToDate.getTime()]).toEqual([true, notAfter])
  expect((await authority.own(['control'])).key.equals(key)).toBe(false)
  for (const name of ['', 'a b', '*', 'a..b', 'x,DNS:y', '-a', '1.2.3.4/8']) {
    await expect(authority.own([name])).rejects.toMatchObject({
      code: 'foreign_name',
      message: expect.stringContaining(`names: "${name}"`),
    })
  }
})

test('a request is refused with a sentence, before the thread that signs sees it where it is a megabyte', async () => {
  const authority = await authorities.open()
  const refusal = (service: string, csr: string) => authority.sign({ service, csr }).catch((error: { code: string }) => error.code)
  expect(await refusal('payment', await testRequest('cart'))).toBe('foreign_name')
  expect(await refusal('Cart', await testRequest('Cart'))).toBe('foreign_name')
  expect(await refusal('cart/../payment', await testRequest('cart'))).toBe('foreign_name')
  expect(await refusal('cart', 'nothing')).toBe('bad_csr')
  await authority.close()
  expect(await refusal('cart', 'x'.repeat(1_000_000))).toBe('bad_csr')
  expect(await refusal('cart', 'nothing')).toBe('closed')
  expect(authority.validLeaves).toBe(0)
})

test('the hash of a key is told without a certificate', async () => {
  const authority = await authorities.open()
  const csr = await testRequest('cart')
  const hash = await authority.keyHashOf({ service: 'cart', csr })
  expect(authority.validLeaves).toBe(0)
  expect((await authority.sign({ service: 'cart', csr })).keyHash).toBe(hash)
  await expect(authority.keyHashOf({ service: 'payment', csr })).rejects.toMatchObject({ code: 'foreign_name' })
})

test('leaves are counted until they end, or a minute after they were replaced', async () => {
  const authority = await authorities.open()
  const first = await authority.sign({ service: 'cart', csr: await testRequest('cart') })
  await authority.sign({ service: 'cart', csr: await testRequest('cart'), replaces: first })
  expect(authority.validLeaves).toBe(2)
  await authorities.pass('60s')
  expect(authority.validLeaves).toBe(1)
  await authorities.pass(dayMs)
  expect(authority.validLeaves).toBe(0)
})

test('a leaf whose signing was overtaken by a rotation is signed again, by the new root', async () => {
  const authority = await authorities.open({ pace: { settleMs: 0 } })
  await authority.rotate()
  const [, newRoot] = authority.trust.roots
  // The thread makes the new intermediate first: when it comes to the leaf, that was ordered from the old one.
  const step = authority.step(willingWorld)
  const issued = authority.sign({ service: 'cart', csr: await testRequest('cart') })
  expect(await step).toMatch(/new root signs/)
  expect(leadsTo([newRoot as string], (await issued).certificates, authorities.clock.now())).toBe(true)
})
