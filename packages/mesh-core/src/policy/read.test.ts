import { anything, array, assert, constantFrom, jsonValue, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { readPolicies } from './read.ts'

function problemsOf(source: unknown): readonly string[] {
  const reading = readPolicies(source, 'mesh.yaml')
  if (reading.ok) throw new Error('expected problems, but the set was taken')
  return reading.problems
}

function setOf(source: unknown) {
  const reading = readPolicies(source, 'mesh.yaml')
  if (!reading.ok) throw new Error(reading.problems.join('\n'))
  return reading.set
}

test('several documents make one set, by the names of their services', () => {
  const set = setOf(
    'timeout: 5s\n---\nservice: payment\ntimeout: 250ms\n---\n# JSON is YAML\n{"service": "cart", "retry": {"attempts": 1}}\n',
  )
  expect(set.defaults).toEqual({ timeout: 5000 })
  expect(set.services.get('payment')).toEqual({ service: 'payment', timeout: 250 })
  expect(set.services.get('cart')).toEqual({ service: 'cart', retry: { attempts: 1 } })
})

test.each(['', '\n\n', '# nothing yet\n', '---\n', '\ufeff', []])('a source without content (%j) is an empty set', (source) => {
  const set = setOf(source)
  expect(set.defaults).toBeNull()
  expect(set.services.size).toBe(0)
})

test('the revision depends on the content alone: not on comments, order or how a duration is written', () => {
  const first = setOf('timeout: 5s\nretry: { attempts: 2 }\n---\nservice: a\n---\nservice: b\n').revision
  const second = setOf([{ service: 'b' }, { service: 'a' }, { retry: { attempts: 2 }, timeout: 5000 }]).revision
  expect(first).toMatch(/^[0-9a-f]{12}$/)
  expect(second).toBe(first)
  expect(setOf('timeout: 5001ms\nretry: { attempts: 2 }\n---\nservice: a\n---\nservice: b\n').revision).not.toBe(first)
})

test('everything that is wrong is told at once, each with its place, in the order of the text', () => {
  expect(
    problemsOf(`service: payment
timout: 5s
retry: { attempts: 99, on: [unreachd] }
balance: leastloaded
attemptTimeout: 5 parsecs
limit: { outbound: { queue: 3 } }
---
service: Cart
`),
  ).toEqual([
    'mesh.yaml:2:1: payment.timout: unknown key `timout`: did you mean `timeout`?',
    'mesh.yaml:3:20: payment.retry.attempts: expected a whole number from 1 to 10, found 99',
    'mesh.yaml:3:29: payment.retry.on[0]: expected one of unreached, unavailable, throttled, fault, late, broken, found "unreachd": did you mean `unreached`?',
    'mesh.yaml:4:10: payment.balance: expected one of least-loaded, round-robin, found "leastloaded": did you mean `least-loaded`?',
    'mesh.yaml:5:17: payment.attemptTimeout: "5 parsecs" is no duration; write a number and a unit, such as "250ms", "5s", "1m"',
    'mesh.yaml:6:20: payment.limit.outbound.inFlight: expected a whole number from 1 to 1000000, but it is missing',
    expect.stringMatching(/^mesh\.yaml:8:10: document 2\.service: a name has lower-case letters/),
  ])
})

test.each<[what: string, text: string, problem: string]>([
  ['a section that is not built yet', 'fallback: {}', 'mesh.yaml:1:1: defaults.fallback: unknown key `fallback`'],
  ['a mistyped `service`', 'sevice: payment', 'did you mean `service`?'],
  [
    'a key deep down',
    'retry:\n  backoff: { bsae: 5ms }',
    'mesh.yaml:2:14: defaults.retry.backoff.bsae: unknown key `bsae`: did you mean `base`?',
  ],
  [
    'a key within a section that can be `false`',
    'breaker: { openfor: 5s }',
    'mesh.yaml:1:12: defaults.breaker.openfor: unknown key `openfor`: did you mean `openFor`?',
  ],
  ['a section of the wrong kind', 'breaker: 3', 'mesh.yaml:1:10: defaults.breaker: expected fields, or `false` to turn it off, found 3'],
  ['a section without content', 'retry:\ntimeout: 1s', 'defaults.retry: expected a map of fields, found nothing'],
  [
    'a success rate of 0',
    'outlier: { successRate: { below: 0 } }',
    'mesh.yaml:1:34: defaults.outlier.successRate.below: expected a number above 0 and at most 1, found 0',
  ],
  [
    'a label that is a number',
    'versions: { v1: { labels: { version: 1 } } }',
    'defaults.versions.v1.labels.version: expected a text, found 1; put it in quotes',
  ],
  ['a status that is none', 'codes: { 99: ok }', 'mesh.yaml:1:10: defaults.codes.99: a key here is an HTTP status'],
  ['a status that gRPC has not', 'codes: { UNAVALABLE: ok }', 'mesh.yaml:1:10: defaults.codes.UNAVALABLE: a key here is an HTTP status'],
  [
    'a verdict that is none',
    'codes: { 503: unavalable }',
    'mesh.yaml:1:15: defaults.codes.503: expected one of ok, rejected, throttled, unavailable, fault, found "unavalable": did you mean `unavailable`?',
  ],
  ['two documents for a service', 'service: a\n---\nservice: a', 'mesh.yaml:3:10: a.service: a second document for `a`'],
  ['two documents of defaults', 'timeout: 1s\n---\ntimeout: 2s', 'mesh.yaml:3:1: defaults: a second document without `service`'],
  ['an empty document', 'timeout: 1s\n---\n', 'mesh.yaml:2:4: document 2: expected a document, a map of fields, found nothing'],
  ['a document that sets nothing', '{}', 'mesh.yaml:1:1: defaults: the document is empty: it sets nothing'],
  ['a document that is a list', '- timeout: 1s', 'mesh.yaml:1:1: document 1: expected a document, a map of fields, found a list'],
  ['a document that is a word', 'timeout', 'mesh.yaml:1:1: document 1: expected a document, a map of fields, found "timeout"'],
  ['a key written twice', 'retry: { attempts: 1,\n attempts: 2 }', 'mesh.yaml:2:2: key `attempts` is written twice'],
  ['a key that means the prototype', 'versions: { __proto__: { labels: { a: b } } }', 'mesh.yaml:1:13: key `__proto__` is not allowed'],
  [
    'a key that means the constructor',
    'versions: { constructor: { labels: { a: b } } }',
    'mesh.yaml:1:13: key `constructor` is not allowed',
  ],
  ['broken YAML', 'service: payment\nretry: [1, 2\ntimeout: 5s\n', 'mesh.yaml:3:'],
  ['a tag that would make something else than data', 'timeout: !!js/function x', 'mesh.yaml:1:10: this is no valid YAML: Unresolved tag'],
  ['a circle', 'retry: &r { on: *r }', 'mesh.yaml:1:17: alias `*r` stands for nothing that is complete above it'],
])('%s is refused', (_, text, problem) => {
  expect(problemsOf(text).join('\n')).toContain(problem)
})

test('documents are not judged against defaults that could not be read', () => {
  const problems = problemsOf('versions: { v1: { labels: { v: a } } }\ntimout: 1s\n---\nservice: a\nto: [{ version: v1 }]')
  expect(problems).toEqual(['mesh.yaml:2:1: defaults.timout: unknown key `timout`: did you mean `timeout`?'])
})

test('what an alias stands for is found wrong where it was written', () => {
  expect(problemsOf('service: a\nlimit: { outbound: &l { inFlight: 0 }, inbound: *l }')).toEqual([
    'mesh.yaml:2:35: a.limit.outbound.inFlight: expected a whole number from 1 to 1000000, found 0',
    'mesh.yaml:2:35: a.limit.inbound.inFlight: expected a whole number from 1 to 1000000, found 0',
  ])
})

test('of a thousand problems a hundred are told, and that there are more', () => {
  const problems = problemsOf(Array.from({ length: 1000 }, (_, index) => `key${index}: 1`).join('\n'))
  expect(problems).toHaveLength(101)
  expect(problems.at(-1)).toBe('mesh.yaml: only 100 problems are listed, there are more')
})

test('a long key or value does not make a long problem', () => {
  const problems = problemsOf(`${'k'.repeat(5000)}: 1\nbalance: ${'v'.repeat(5000)}`)
  expect(Math.max(...problems.map((problem) => problem.length))).toBeLessThan(500)
})

test('values from code are copied: neither getters nor circles nor prototypes get in', () => {
  const circle: Record<string, unknown> = { service: 'a' }
  circle.retry = circle
  expect(problemsOf(circle)[0]).toContain('nested deeper than 32 levels')
  expect(problemsOf(JSON.parse('{"versions": {"__proto__": {"labels": {"a": "b"}}}}'))).toEqual([
    'mesh.yaml: defaults.versions.__proto__: key `__proto__` is not allowed',
  ])
  const throwing = {
    get timeout(): string {
      throw new Error('no')
    },
  }
  expect(problemsOf(throwing)).toEqual(['mesh.yaml: cannot be read: no'])
  const written = { service: 'a', codes: { 503: 'fault', ABORTED: 'unavailable' } }
  const set = setOf(written)
  written.codes[503] = 'ok'
  expect(set.services.get('a')?.codes).toEqual({ 503: 'fault', ABORTED: 'unavailable' })
})

test.each([null, undefined, 5, true, Symbol('x'), () => {}, [null], [[]]])('a source that is no document is refused (%s)', (source) => {
  expect(problemsOf(source)[0]).toContain('expected a document')
})

const words = constantFrom(
  'service',
  'payment',
  ': ',
  '\n',
  '  ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '&a',
  '*a',
  '"',
  "'",
  '---\n',
  '!!x ',
  '|',
  '? ',
  '#',
  '%YAML 1.1\n',
  '\t',
  '5s',
  'retry',
  '__proto__',
)

test('a problem is told as a sentence and in its parts, in the same order', () => {
  const reading = readPolicies('timeout: 5 parsecs\n---\nservice: payment\nretry: { on: [unreachd] }\n--- [', 'mesh.yaml')
  if (reading.ok) throw new Error('it was accepted')
  expect(reading.details.map(({ document, path }) => [document, ...path])).toEqual([
    ['defaults', 'timeout'],
    ['payment', 'retry', 'on', 0],
    [''],
  ])
  reading.details.forEach(({ text }, at) => {
    expect(reading.problems[at]).toContain(text)
  })
})

test('no text makes reading throw, and what is refused says why', () => {
  const sane = (source: unknown): void => {
    const reading = readPolicies(source, 'x')
    if (!reading.ok) expect(reading.problems.length).toBeGreaterThan(0)
  }
  assert(
    property(array(words, { maxLength: 40 }), (parts) => sane(parts.join(''))),
    { numRuns: 1000 },
  )
  assert(property(string({ unit: 'binary' }), sane), { numRuns: 500 })
  assert(
    property(jsonValue(), (value) => sane(JSON.stringify(value))),
    { numRuns: 500 },
  )
  assert(property(anything({ withNullPrototype: true, withMap: true, withDate: true, withBigInt: true }), sane), { numRuns: 500 })
})

test('a value of the wrong kind is told in words', () => {
  const [external, label, dryRun] = problemsOf([
    { service: 'a', external: 'yes', access: { dryRun: 1 }, versions: { v1: { labels: { version: 1 } } } },
  ])
  expect(external).toMatch(/external: expected true or false, found "yes"$/)
  expect(dryRun).toMatch(/access\.dryRun: expected true or false, found 1$/)
  expect(label).toMatch(/versions\.v1\.labels\.version: expected a text, found 1; put it in quotes$/)
})
