import { createHash, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { type TestAuthority, type TestCertificate, testAuthority } from '../testing/test-authority.ts'
import { believedRoots, pinIn } from './pinned-roots.ts'

function fingerprint(pem: string): string {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64url')
}

/** The root of `newer`, signed by `signer`. */
function link(newer: TestAuthority, signer: TestCertificate, ca = true): string {
  const keys = { publicKey: newer.root.publicKey, privateKey: newer.root.key }
  const commonName = `root of ${newer.trustDomain}`
  return newer.issue('', { ca, keyUsage: [5, 6], extendedKeyUsage: null, uris: [], commonName, keys, issuer: signer }).pem
}

const [first, second, third, hostile] = ['a', 'b', 'c', 'd'].map((name) => testAuthority(name)) as [
  TestAuthority,
  TestAuthority,
  TestAuthority,
  TestAuthority,
]
const pin = fingerprint(first.root.pem)

function told(roots: readonly string[], links: readonly string[] = []) {
  return believedRoots({ trustDomain: 'a', roots: [...roots], links: [...links] }, [pin]).map(fingerprint)
}

test('the root of the fingerprint is believed, and what was put beside it is not', () => {
  expect(told([hostile.root.pem, first.root.pem])).toEqual([pin])
  expect(told([hostile.root.pem], [link(hostile, hostile.root)])).toEqual([])
  expect(told(['hello', first.root.pem], ['hello'])).toEqual([pin])
  expect(told([])).toEqual([])
})

test('roots that came later are reached over the links between them, also from a root that is gone', () => {
  const roots = [third.root.pem]
  const links = [link(third, second.root), second.root.pem, link(second, first.root), first.root.pem]
  expect(told(roots, links)).toEqual([fingerprint(third.root.pem)])
  expect(told([...roots, second.root.pem], links.toReversed())).toHaveLength(2)
})

test('a chain with a gap, one that somebody else has signed, and one over a leaf lead nowhere', () => {
  expect(told([third.root.pem], [link(third, second.root), first.root.pem])).toEqual([])
  expect(told([third.root.pem], [link(third, hostile.root), first.root.pem, hostile.root.pem])).toEqual([])
  const leaf = first.issue('cart')
  const over = link(third, { ...leaf, name: Buffer.from('3000', 'hex') })
  expect(told([third.root.pem], [first.root.pem, leaf.pem, over])).toEqual([])
  expect(told([third.root.pem], [first.root.pem, link(third, first.root, false)])).toEqual([])
})

test('a token ends in a fingerprint, or has none', () => {
  const plain = `zh_${'a'.repeat(12)}_${'-_b'.repeat(14)}x`
  expect(pinIn(plain)).toBe('')
  expect(pinIn(`${plain}_${pin}`)).toBe(pin)
  for (const token of [`${plain}_`, `${plain}_${pin}x`, `x${plain}_${pin}`, pin, '']) expect(pinIn(token)).toBe('')
})
