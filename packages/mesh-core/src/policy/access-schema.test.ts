import { describe, expect, test } from 'vitest'
import { readPolicies } from './read.ts'

function problemsOf(access: unknown): string {
  const reading = readPolicies({ service: 'payment', access }, 'test')
  return reading.ok ? '' : reading.problems.join('\n')
}

describe('a rule may name', () => {
  test.each<[string, object]>([
    ['services', { from: ['cart', 'product-catalog', 'a.b'] }],
    ['SPIFFE IDs of any trust domain', { from: ['spiffe://partner.example/ns/default/sa/orders_v2', 'spiffe://a/b.c'] }],
    ['everybody with an identity', { from: ['*'] }],
    ['methods of HTTP and of gRPC', { methods: ['POST', 'M-SEARCH', 'Charge', 'GetItem_v2'] }],
    [
      'paths, whole or by their beginning',
      { paths: ['/', '/charge', '/v1/items/*', '/pkg.Payment/Charge', '/a..b', '/.well-known/x', '/*'] },
    ],
    ['headers', { headers: { 'x-tier': { exact: '' }, 'user-agent': { prefix: 'bot' }, 'x-debug': { present: false } } }],
  ])('%s', (_, rule) => {
    expect(problemsOf({ deny: [rule] })).toBe('')
  })
})

describe('is refused, with its field and what to write:', () => {
  test.each<[string, unknown, string]>([
    ['a rule that names nothing', { deny: [{}] }, 'payment.access.deny[0]: expected at least one of `from`, `methods`, `paths`, `headers`'],
    [
      'an empty list of callers',
      { allow: [{ from: [] }] },
      'payment.access.allow[0].from: expected at least one; leave the field out for any',
    ],
    ['a map of no headers', { deny: [{ headers: {} }] }, 'access.deny[0].headers: expected at least one header'],
    ['a name with capitals', { allow: [{ from: ['Cart'] }] }, 'access.allow[0].from[0]: a name has lower-case letters'],
    ['a long name', { allow: [{ from: ['a'.repeat(254)] }] }, 'a name has at most 253 characters'],
    ['a pattern of names', { allow: [{ from: ['cart-*'] }] }, 'a caller is a whole name or SPIFFE ID, or `*` alone'],
    ['a pattern of SPIFFE IDs', { allow: [{ from: ['spiffe://shop/svc/*'] }] }, 'a caller is a whole name or SPIFFE ID'],
    [
      'a SPIFFE ID with capitals in its domain',
      { allow: [{ from: ['spiffe://Shop/svc/cart'] }] },
      'this is no SPIFFE ID: trust domain characters are limited',
    ],
    ['a SPIFFE ID in capitals', { allow: [{ from: ['SPIFFE://shop/svc/cart'] }] }, 'this is no SPIFFE ID: scheme is missing or invalid'],
    [
      'a SPIFFE ID with dot segments',
      { allow: [{ from: ['spiffe://shop/a/../b'] }] },
      'this is no SPIFFE ID: path cannot contain dot segments',
    ],
    ['a whole trust domain', { allow: [{ from: ['spiffe://shop'] }] }, 'this SPIFFE ID names a trust domain'],
    ['an endless SPIFFE ID', { allow: [{ from: [`spiffe://shop/${'a'.repeat(2048)}`] }] }, 'a SPIFFE ID has at most 2048 characters'],
    ['an HTTP method in lower case', { deny: [{ methods: ['delete'] }] }, 'methods are compared as they are sent: write `DELETE`'],
    ['a method that none could be', { deny: [{ methods: ['*'] }] }, 'expected a method such as "POST"'],
    ['a path without its slash', { allow: [{ paths: ['charge'] }] }, 'access.allow[0].paths[0]: a path begins with "/"'],
    ['a wildcard in the middle', { allow: [{ paths: ['/users/*/orders'] }] }, 'a `*` stands at the end of a path'],
    ['a path with a query', { allow: [{ paths: ['/charge?dry=1'] }] }, 'a rule sees the path alone, without query and fragment'],
    ...['/a%2fb', '/a;b', '/a//b', '//a', '/a/../b', '/a/.', '/..', '/a\\b', '/a b', '/ä', '/a\u0000'].map(
      (path): [string, unknown, string] => [
        `the path ${JSON.stringify(path)}`,
        { deny: [{ paths: [path] }] },
        'never has this as its whole path',
      ],
    ),
    ['an endless path', { deny: [{ paths: [`/${'a'.repeat(1024)}`] }] }, 'a path has at most 1024 characters'],
    ['a header with capitals', { deny: [{ headers: { 'X-Tier': { exact: 'a' } } }] }, 'expected the name of a header, in lower case'],
    ['a header with two matches', { deny: [{ headers: { a: { exact: 'a', prefix: 'b' } } }] }, 'access.deny[0].headers.a'],
    ['a header that begins with nothing', { deny: [{ headers: { a: { prefix: '' } } }] }, 'access.deny[0].headers.a'],
    ['too many rules', { deny: Array(65).fill({ paths: ['/a'] }) }, 'access.deny: expected at most 64 rules'],
    ['an unknown word', { allows: [] }, 'unknown key `allows`: did you mean `allow`?'],
    ['an unknown word in a rule', { allow: [{ path: ['/a'] }] }, 'unknown key `path`: did you mean `paths`?'],
    ['an unknown mode', { mtls: 'on' }, 'payment.access.mtls: expected one of disabled, permissive, strict'],
    ['an unknown default', { default: 'refuse' }, 'payment.access.default: expected one of allow, deny'],
    ['to turn the section off', false, 'payment.access: expected a map of fields'],
  ])('%s', (_, access, problem) => {
    expect(problemsOf(access)).toContain(problem)
  })
})

test('a hostile path is judged in no time', () => {
  const startedAt = performance.now()
  problemsOf({ deny: [{ paths: Array.from({ length: 64 }, (_, n) => `/${'/.'.repeat(500)}${n}`) }] })
  problemsOf({ allow: [{ from: Array.from({ length: 256 }, (_, n) => `spiffe://a/${'./'.repeat(1000)}${n}`) }] })
  expect(performance.now() - startedAt).toBeLessThan(1000)
})
