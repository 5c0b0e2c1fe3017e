import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ecKeys, testRequest } from '../testing/test-request.ts'
import { judgeRequest } from './certificate-request.ts'
import { RequestRefused } from './request-refused.ts'
import {
  BasicConstraintsExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
} from './x509.ts'

const own = 'spiffe://shop.internal/svc/cart'
const allowed = { uri: own, dns: ['cart'] }
const uri = (value: string) => ({ type: 'url' as const, value })
const host = (value: string) => ({ type: 'dns' as const, value })

async function refusalOf(csr: string): Promise<string> {
  const error = await judgeRequest(csr, allowed).then(
    () => new RequestRefused('failed', 'it was taken'),
    (refused: RequestRefused) => refused,
  )
  expect(error).toBeInstanceOf(RequestRefused)
  return `${error.code} ${error.message}`
}

const der = async (change: (bytes: Buffer) => Buffer) => {
  const body = (await testRequest('cart')).replace(/-----.*-----|\s/g, '')
  const changed = change(Buffer.from(body, 'base64')).toString('base64')
  return `-----BEGIN CERTIFICATE REQUEST-----\n${changed}\n-----END CERTIFICATE REQUEST-----\n`
}

describe('a request is taken', () => {
  test('with the one URI of its service, with or without its host name, and on both curves', async () => {
    expect((await judgeRequest(await testRequest('cart'), allowed)).dns).toEqual(['cart'])
    const bare = await judgeRequest(await testRequest('cart', { names: [uri(own)] }), allowed)
    expect([bare.dns, bare.keyHash]).toEqual([[], expect.stringMatching(/^[\w-]{43}$/)])
    expect(await judgeRequest(await testRequest('cart', { keys: await ecKeys('P-384') }), allowed)).toMatchObject({ dns: ['cart'] })
  })

  test('and the same key has the same hash, whatever else it asks for', async () => {
    const keys = await ecKeys()
    const first = await judgeRequest(await testRequest('cart', { keys }), allowed)
    const second = await judgeRequest(await testRequest('cart', { keys, names: [uri(own)], subject: 'CN=other' }), allowed)
    expect(second.keyHash).toBe(first.keyHash)
  })

  test('with a common name and extensions that mean nothing here: only its key and its allowed names are kept', async () => {
    const extensions = [new BasicConstraintsExtension(true, 3, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)]
    const judged = await judgeRequest(await testRequest('cart', { subject: 'CN=payment', extensions }), allowed)
    expect(Object.keys(judged).sort()).toEqual(['dns', 'keyHash', 'publicKey'])
  })
})

describe('refused as somebody else’s', () => {
  const foreign: [string, JsonGeneralNames][] = [
    ['another service', [uri('spiffe://shop.internal/svc/payment')]],
    ['another trust domain', [uri('spiffe://shop.external/svc/cart')]],
    ['the control API', [uri('spiffe://shop.internal/control')]],
    ['a second name behind a comma', [uri(`${own}, URI:spiffe://shop.internal/svc/payment`)]],
    ['a second name behind a quote', [uri(`${own}", URI:"spiffe://shop.internal/svc/payment`)]],
    ['a name that ends in a zero byte', [uri(`${own}\0`)]],
    ['a name in capitals', [uri('spiffe://SHOP.internal/svc/cart')]],
    ['the host name of another service', [uri(own), host('payment')]],
    ['its own host name and another one', [uri(own), host('cart'), host('*')]],
  ]
  test.each(foreign)('%s', async (_, names) => {
    expect(await refusalOf(await testRequest('cart', { names }))).toMatch(/^foreign_name csr: .*names \(SAN\).*\.$/)
  })
})

describe('refused as wrongly made', () => {
  const wrong: [string, JsonGeneralNames, RegExp][] = [
    ['two URIs', [uri(own), uri(own)], /2 URIs, exactly one/],
    ['no URI', [host('cart')], /0 URIs/],
    ['no names', [], /0 URIs/],
    ['an e-mail address', [uri(own), { type: 'email', value: 'cart@shop.internal' }], /nothing else/],
    ['an IP address', [uri(own), { type: 'ip', value: '10.0.0.1' }], /nothing else/],
    ['a directory name', [uri(own), { type: 'dn', value: 'CN=cart' }], /nothing else/],
  ]
  test.each(wrong)('%s among its names', async (_, names, sentence) => {
    const refusal = await refusalOf(await testRequest('cart', { names }))
    expect(refusal).toMatch(/^bad_csr csr: /)
    expect(refusal).toMatch(sentence)
  })

  test('two lists of names, of which one reader takes the first and another the last', async () => {
    const extensions = [new SubjectAlternativeNameExtension([uri('spiffe://shop.internal/svc/payment')])]
    expect(await refusalOf(await testRequest('cart', { extensions }))).toBe('bad_csr csr: it has two lists of names (SAN).')
  })

  test('no PEM, two of them, a certificate, cut off, with something behind it, nested without end', async () => {
    const csr = await testRequest('cart')
    const nested = await der(() => {
      let bytes = Buffer.alloc(0)
      while (bytes.length < 10_000) {
        const { length } = bytes
        bytes = Buffer.concat([Buffer.from(length < 128 ? [0x30, length] : [0x30, 0x82, length >> 8, length & 255]), bytes])
      }
      return bytes
    })
    const texts = [
      '',
      'cart',
      csr + csr,
      csr.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
      await der((bytes) => bytes.subarray(0, -1)),
      await der((bytes) => Buffer.concat([bytes, Buffer.from([0])])),
      await der(() => Buffer.from([0x30, 0x80, 0, 0])),
      await der(() => Buffer.from([0x30, 0])),
      nested,
    ]
    for (const text of texts) expect(await refusalOf(text)).toMatch(/^bad_csr csr: it .*\.$/)
  })

  test('a megabyte of it', async () => {
    expect(await refusalOf((await testRequest('cart')).padEnd(1_000_000, '\n'))).toBe(
      'bad_csr csr: it has 1000000 characters, at most 16384 are taken.',
    )
  })

  test('any single byte changed: it is never taken as something else', async () => {
    const bytes = Buffer.from((await testRequest('cart')).replace(/-----.*-----|\s/g, ''), 'base64')
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ 0x20
      expect(await refusalOf(await der(() => changed))).toMatch(/^(bad_csr|bad_signature|weak_key|foreign_name) csr: /)
    }
  })
})

describe('refused for its key', () => {
  test('a signature that is not by the key in it', async () => {
    const { privateKey } = await ecKeys()
    const sentence = 'bad_signature csr: it is not signed by the key that is in it.'
    expect(await refusalOf(await testRequest('cart', { signedBy: privateKey }))).toBe(sentence)
    const flipped = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) as number) ^ 1])])
    expect(await refusalOf(await der(flipped))).toBe(sentence)
  })

  test('another curve, RSA of any length, Ed25519', async () => {
    const rsa = (modulusLength: number) =>
      crypto.subtle.generateKey(
        { name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
        true,
        ['sign', 'verify'],
      )
    const refusal = async (keys: CryptoKeyPair) => refusalOf(await testRequest('cart', { keys }))
    expect(await refusal(await ecKeys('P-521'))).toMatch(/^weak_key csr: the key in it is secp521r1; a key of P-256 or P-384 is wanted/)
    expect(await refusal(await rsa(1024))).toMatch(/^weak_key csr: the key in it is rsa with 1024 bits; /)
    expect(await refusal(await rsa(2048))).toMatch(/^weak_key csr: the key in it is rsa with 2048 bits; /)
    expect(await refusal((await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair)).toMatch(/^weak_key /)
  })

  test('a point that is not on the curve', async () => {
    const point = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }).subarray(-64)
    const refusal = await refusalOf(
      await der((bytes) => {
        const at = bytes.indexOf(Buffer.from([0x03, 0x42, 0x00, 0x04])) + 4
        point.copy(bytes, at, 0, 32)
        return bytes
      }),
    )
    expect(refusal).toMatch(/^weak_key csr: the key in it cannot be used/)
  })
})
