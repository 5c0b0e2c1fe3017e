import { spawnSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { type DerValue, readDer, readOnly } from '../policy/der.ts'
import { certificateRequest } from './certificate-request.ts'
import { keyIn } from './office-under-test.ts'

test('a request asks for the key that was made with it, and is signed by that key', () => {
  const { csr, key } = certificateRequest('shop.internal', 'cart')
  const bytes = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
  const [content, , signature] = readDer(readOnly(bytes).content) as [DerValue, DerValue, DerValue]
  expect(keyIn(csr).equals(createPublicKey(key))).toBe(true)
  expect(verify('sha256', content.whole, keyIn(csr), signature.content.subarray(1))).toBe(true)
  expect(csr).not.toContain('PRIVATE')
})

test('every request has a key of its own', () => {
  const [one, other] = [certificateRequest('shop.internal', 'cart'), certificateRequest('shop.internal', 'cart')]
  expect(one.key.equals(other.key)).toBe(false)
})

test.skipIf(spawnSync('openssl', ['version']).error !== undefined)(
  'openssl verifies it, and reads one URI, one name and a P-256 key',
  () => {
    const { csr } = certificateRequest('shop.internal', 'cart')
    const { stdout, stderr } = spawnSync('openssl', ['req', '-verify', '-noout', '-text'], { input: csr })
    expect(stderr.toString()).toContain('verify OK')
    expect(stdout.toString()).toMatch(/Subject Alternative Name: critical\s+URI:spiffe:\/\/shop\.internal\/svc\/cart, DNS:cart\n/)
    expect(stdout.toString()).toContain('prime256v1')
    expect(stdout.toString()).toMatch(/Subject:\s*\n/)
  },
)
