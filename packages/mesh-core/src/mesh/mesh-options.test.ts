import { expect, test } from 'vitest'
import { checkOptions, type MeshOptions } from './mesh-options.ts'

function problemsOf(options: object): string {
  try {
    checkOptions(options as MeshOptions)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('a control API is named by its origin alone, once or several times', () => {
  expect(problemsOf({ service: 'cart', control: 'https://control:7443' })).toBe('')
  expect(problemsOf({ service: 'cart', control: ['http://a:1', 'https://b'], token: 'zh_a_b', suffixes: ['.shop'], lastGood: false })).toBe(
    '',
  )
  for (const control of ['control:7443', 'ftp://a', 'http://a/path', 'http://user:pw@a', 'http://a?x=1', '', 5, [], [5]]) {
    expect(problemsOf({ service: 'cart', control })).toMatch(/^createMesh: control/)
  }
})

test('policies come from the control API or from code, and what means nothing without a control API is told', () => {
  expect(problemsOf({ service: 'cart', control: 'http://a:1', policy: {} })).toMatch(/policy: with `control` the policies come from there/)
  expect(problemsOf({ service: 'cart', token: 'x', outbound: 'open', lastGood: false })).toMatch(
    /token: means nothing without `control`; lastGood: .*; outbound: /,
  )
})

test('wrong and unknown options are told together, and a token is never shown', () => {
  const message = problemsOf({
    service: 'cart',
    control: 'http://a:1',
    token: 'my secret',
    outbound: 'closed',
    sufixes: [],
    suffixes: ['shop'],
  })
  expect(message).toMatch(/token: expected a text/)
  expect(message).toMatch(/outbound: expected one of open, registered-only/)
  expect(message).toMatch(/unknown key `sufixes`: did you mean `suffixes`\?/)
  expect(message).toMatch(/suffixes\[0\]: expected an ending such as/)
  expect(message).not.toContain('secret')
})

test('what becomes of callers without a policy is asked only where policies may be late', () => {
  for (const options of [{ control: 'http://a:1' }, { policy: 'policy.yaml' }]) {
    expect(problemsOf({ service: 'cart', withoutPolicy: 'refuse', ...options })).toBe('')
  }
  for (const options of [{}, { policy: {} }]) {
    expect(problemsOf({ service: 'cart', withoutPolicy: 'refuse', ...options })).toMatch(
      /withoutPolicy: means nothing without `control` or the path of a policy file/,
    )
  }
  expect(problemsOf({ service: 'cart', control: 'http://a:1', withoutPolicy: 'open' })).toMatch(
    /withoutPolicy: expected one of serve, refuse/,
  )
})

test('roots of the control API mean something over TLS only, and an identity is a source, or none', () => {
  expect(problemsOf({ service: 'cart', control: 'https://a:1', controlCa: 'ca.pem', identity: false })).toBe('')
  expect(problemsOf({ service: 'cart', control: 'http://a:1', controlCa: 'ca.pem' })).toMatch(
    /controlCa: means nothing without an `https:` address/,
  )
  expect(problemsOf({ service: 'cart', controlCa: 'ca.pem' })).toMatch(/controlCa: means nothing without `control`/)
  expect(problemsOf({ service: 'cart', identity: true })).toMatch(/identity: expected a source of an identity, such as fileIdentity/)
})

test('what the schema alone would say in its own words is said in ours', () => {
  expect(problemsOf(undefined as never)).toBe('createMesh: expected a map of fields, but it is missing')
  expect(problemsOf({ service: 'cart', policy: 5 })).toBe(
    'createMesh: policy: expected the path of a YAML file, a document, or a list of documents, found 5',
  )
  for (const [name, value, problem] of [
    ['zone', '', 'expected a text of 1 to 128 characters, found ""'],
    ['zone', 'z'.repeat(129), 'expected a text of 1 to 128 characters, found "zzz'],
    ['lastGood', '', 'expected a directory, or false for none, found ""'],
    ['policy', '', 'expected the path of a YAML file, a document, or a list of documents, found ""'],
  ] as const) {
    const own = name === 'lastGood' ? { control: 'http://a:1' } : {}
    expect(problemsOf({ service: 'cart', ...own, [name]: value })).toContain(`createMesh: ${name}: ${problem}`)
  }
})
