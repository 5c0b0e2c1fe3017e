import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { type TestCertificateOptions, testAuthority } from '../testing/test-authority.ts'
import { bits, context, der, integer, oid, sequence, tag } from './der.ts'
import { readSvid, urisOf } from './svid.ts'

const authority = testAuthority()
const now = Date.now()

function read(options?: TestCertificateOptions, at = now) {
  return readSvid(authority.issue('cart', options).der, authority.trustDomain, at)
}

/** A certificate of extensions alone: enough for what is asked before its times are. */
function bare(...extensions: readonly Buffer[]): Buffer {
  return sequence(sequence(context(0, integer(2)), integer(1), context(3, sequence(...extensions))), sequence(), bits(Buffer.alloc(1)))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(tag.bytes, value))
}

const signing = extension('2.5.29.15', der(tag.bits, Buffer.from([7, 0x80])))
const names = (...each: readonly Buffer[]): Buffer => extension('2.5.29.17', sequence(...each))
const uri = (text: string): Buffer => der(0x86, Buffer.from(text))

test('a leaf of a service is read: who it is, and until when', () => {
  const notAfter = Math.floor(now / 1000) * 1000 + 60_000
  expect(read({ notAfter, dns: ['cart', 'cart.shop'] })).toEqual({
    ok: true,
    peer: { spiffeId: 'spiffe://test.zerohop/svc/cart', notAfter },
  })
})

test('it is good from its first millisecond to its last, and not a moment longer', () => {
  const notBefore = Math.floor(now / 1000) * 1000
  const notAfter = notBefore + 10_000
  const at = (moment: number): string => {
    const reading = read({ notBefore, notAfter }, moment)
    return reading.ok ? 'good' : reading.flaw
  }
  expect([notBefore - 1, notBefore, notAfter - 1, notAfter].map(at)).toEqual(['not_yet_valid', 'good', 'good', 'expired'])
})

test('a leaf that says nothing of authorities or purposes is one of a service', () => {
  const leaf = bare(signing, names(uri('spiffe://test.zerohop/svc/cart')))
  // It has no times, for it is no whole certificate; that is all that is found wrong with it.
  expect(readSvid(leaf, 'test.zerohop', now)).toMatchObject({ flaw: 'not_an_svid', problem: expect.stringMatching(/^cannot be read/) })
})

describe('names', () => {
  it('are told one by one, whatever stands in them', () => {
    const uris = ['spiffe://a, URI:spiffe://b', 'spiffe://a", URI:"spiffe://b', 'spiffe://a\0spiffe://b']
    expect(urisOf(authority.issue('cart', { uris, dns: ['x, URI:spiffe://c'] }).der)).toEqual(uris)
  })

  it('in an unknown form, or in two parts, make the certificate unreadable', () => {
    const parts = der(0xa6, uri('spiffe://test.zerohop/svc/cart'))
    for (const odd of [parts, der(tag.utf8, Buffer.from('x')), der(0x89, Buffer.from('x'))]) {
      const leaf = bare(signing, names(uri('spiffe://test.zerohop/svc/cart'), odd))
      expect(readSvid(leaf, 'test.zerohop', now)).toMatchObject({
        flaw: 'not_an_svid',
        problem: expect.stringContaining('no form of names'),
      })
    }
  })

  it('that a stranger wrote are shown bounded and on one line', () => {
    const reading = read({ uris: [`spiffe://x\n${'y'.repeat(5000)}`] })
    expect(reading).toMatchObject({ flaw: 'not_an_svid' })
    const { problem } = reading as { problem: string }
    expect(problem.length).toBeLessThan(500)
    expect(problem).not.toContain('\n')
  })
})

describe('what is not an SVID', () => {
  it.each<[string, Buffer, string]>([
    ['a list of names that stands there twice', bare(signing, names(uri('spiffe://a/b')), names(uri('spiffe://a/c'))), 'twice'],
    ['an extension without a value', bare(sequence(oid('2.5.29.17'))), 'malformed'],
    ['an extension without a name', bare(sequence(der(tag.bytes, Buffer.alloc(1)))), 'malformed'],
    [
      'authority written as any byte but zero',
      bare(extension('2.5.29.19', sequence(der(tag.boolean, Buffer.from([1])))), signing),
      'CA:TRUE',
    ],
    ['a key usage of no bits', bare(extension('2.5.29.15', der(tag.bits, Buffer.from([0])))), 'no digitalSignature'],
    ['a key usage that is no bits', bare(extension('2.5.29.15', sequence())), 'cannot be read'],
    [
      'a list of names with something behind it',
      bare(signing, extension('2.5.29.17', Buffer.concat([sequence(uri('spiffe://a/b')), Buffer.from([5, 0])]))),
      'something follows',
    ],
    ['no extensions', sequence(sequence(integer(1)), sequence(), bits(Buffer.alloc(1))), 'no keyUsage'],
    ['no certificate', Buffer.from('-----BEGIN CERTIFICATE-----'), 'cannot be read'],
    ['nothing', Buffer.alloc(0), 'cannot be read'],
    ['a sequence of nothing', sequence(), 'it has no body'],
    ['a body of nothing', sequence(sequence()), 'no keyUsage'],
  ])('%s', (_, leaf, said) => {
    expect(readSvid(leaf, 'test.zerohop', now)).toMatchObject({ ok: false, flaw: 'not_an_svid', problem: expect.stringContaining(said) })
  })
})

test('a certificate in which any byte is changed is read or refused, and never breaks the reader', () => {
  const leaf = authority.issue('cart').der
  const known = new X509Certificate(leaf)
  fc.assert(
    fc.property(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(leaf)
      changed[at] = (changed[at] as number) ^ change
      const reading = readSvid(changed, 'test.zerohop', now)
      if (!reading.ok) return reading.problem.length > 0
      const { subjectAltName } = new X509Certificate(changed)
      return subjectAltName === `URI:${reading.peer.spiffeId}` && known.subjectAltName !== undefined
    }),
    { numRuns: 2000 },
  )
})
