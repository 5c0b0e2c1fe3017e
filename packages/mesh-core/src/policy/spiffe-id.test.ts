import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { controlInSpiffeId, controlSpiffeId, readSpiffeId, serviceInSpiffeId, serviceSpiffeId, trustDomainSchema } from './spiffe-id.ts'

test('the ID of a service leads back to its name', () => {
  const id = serviceSpiffeId('shop.internal', 'cart')
  expect(id).toBe('spiffe://shop.internal/svc/cart')
  expect(readSpiffeId(id)).toEqual({ ok: true, id: { trustDomain: 'shop.internal', path: '/svc/cart' } })
  expect(serviceInSpiffeId('shop.internal', id)).toBe('cart')
})

test('an ID of another trust domain, or of another form, names no service', () => {
  const foreign = [
    'spiffe://shop.internal.evil/svc/cart',
    'spiffe://shop.internal/svc/cart/admin',
    'spiffe://shop.internal/svc',
    'spiffe://shop.internal/svc/',
    '',
  ]
  for (const id of foreign) expect(serviceInSpiffeId('shop.internal', id)).toBe('')
})

test('the control API of a trust domain is known by its ID, and nobody else is taken for it', () => {
  expect(controlInSpiffeId(controlSpiffeId('shop.internal'))).toBe('shop.internal')
  const others = [
    '',
    'spiffe://shop.internal',
    'spiffe://shop.internal/control/x',
    'spiffe://shop.internal/svc/control',
    'spiffe:///control',
  ]
  for (const id of [...others, 'spiffe://Shop/control', 'https://shop.internal/control']) expect(controlInSpiffeId(id), id).toBe('')
})

test('an ID has at most 2048 characters, a trust domain 255', () => {
  const path = (length: number): string => `spiffe://a/${'b'.repeat(length - 'spiffe://a/'.length)}`
  expect(readSpiffeId(path(2048)).ok).toBe(true)
  expect(readSpiffeId(path(2049))).toMatchObject({ problem: expect.stringContaining('longer than 2048') })
  expect(readSpiffeId(`spiffe://${'a'.repeat(255)}/b`).ok).toBe(true)
  expect(readSpiffeId(`spiffe://${'a'.repeat(256)}/b`)).toMatchObject({ problem: expect.stringContaining('longer than 255') })
  expect(trustDomainSchema.safeParse('a'.repeat(256)).success).toBe(false)
})

interface IdVector {
  readonly input: string
  readonly valid: boolean
  readonly error?: string
  readonly trustDomain?: string
  readonly path?: string
}

interface Vectors {
  readonly ids: readonly IdVector[]
  readonly trustDomains: readonly IdVector[]
  readonly fromSegments: readonly { readonly segments: readonly string[]; readonly valid: boolean; readonly path?: string }[]
  readonly matchers: readonly {
    readonly matcher: string
    readonly arg: string | readonly string[] | null
    readonly results: readonly { readonly id: string; readonly match: boolean }[]
  }[]
}

const casesDir = process.env.CASES_DIR

if (casesDir === undefined) {
  test.skip('the vectors of SPIFFE IDs: set CASES_DIR to the folder of vectors to run them', () => {})
} else {
  const vectors = JSON.parse(readFileSync(join(casesDir, 'spiffe', 'ids.json'), 'utf8')) as Vectors

  describe('the vectors of SPIFFE IDs', () => {
    it.each(vectors.ids.map((vector) => [JSON.stringify(vector.input), vector] as const))('%s', (_, vector) => {
      const { input, valid, error, trustDomain, path } = vector
      expect(readSpiffeId(input)).toEqual(valid ? { ok: true, id: { trustDomain, path } } : { ok: false, problem: error })
    })
  })

  describe('the vectors of trust domains', () => {
    // The vectors take a whole ID where a trust domain is asked for, too; a setting here takes the name alone.
    it.each(vectors.trustDomains.map((vector) => [JSON.stringify(vector.input), vector] as const))(
      '%s',
      (_, { input, valid, trustDomain }) => {
        if (!input.includes('://')) return expect(trustDomainSchema.safeParse(input).success).toBe(valid)
        const read = readSpiffeId(input)
        expect(read.ok).toBe(valid)
        if (read.ok) expect(read.id.trustDomain).toBe(trustDomain)
      },
    )
  })

  test('the vectors of paths made of segments', () => {
    for (const { segments, valid, path } of vectors.fromSegments) {
      const read = readSpiffeId(`spiffe://trustdomain${segments.map((segment) => `/${segment}`).join('')}`)
      expect(read.ok, JSON.stringify(segments)).toBe(valid)
      if (read.ok) expect(read.id.path).toBe(path)
    }
  })

  // A server asks for membership of its trust domain, a client for one ID: `memberOf` and `id` of the vectors.
  test('the vectors of matching', () => {
    let compared = 0
    for (const { matcher, arg, results } of vectors.matchers) {
      for (const { id, match } of results) {
        const read = readSpiffeId(id)
        if (matcher === 'memberOf') expect(read.ok && read.id.trustDomain === arg, id).toBe(match)
        else if (matcher === 'id') expect(read.ok && id === arg, id).toBe(match)
        else continue
        compared++
      }
    }
    expect(compared).toBeGreaterThan(0)
  })
}
