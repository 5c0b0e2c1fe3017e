import { array, assert, boolean, constantFrom, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { effectivePolicy, type PolicyDocument, readPolicies } from '../policy/index.ts'
import { Rules } from './rules.ts'

interface Asked {
  readonly as?: string
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What becomes of a call under a policy: `in`, or the reason. */
function judging(access: PolicyDocument['access']): (asked?: Asked) => string {
  const reading = readPolicies({ service: 'payment', access }, 'test')
  if (!reading.ok) throw new Error(reading.problems.join('\n'))
  const { policy } = effectivePolicy('payment', null, reading.set.services.get('payment') ?? null)
  const rules = Rules.of(policy.access, (call, name) => (call.message as Asked['headers'])?.[name] ?? null)
  if (rules === null) return () => 'in'
  return ({ as = '', method = 'GET', path = '/', headers = {} } = {}) => {
    const call = new Call({ service: 'payment', method, path, kind: 'unary', message: headers, replayable: false, idempotent: false })
    const [service, spiffeId] = as.startsWith('spiffe:') ? ['', as] : [as, `spiffe://shop/svc/${as}`]
    if (as !== '') call.caller = { service: service as string, spiffeId: spiffeId as string }
    const found = rules.judge(call)
    return found === null ? 'in' : `${found.reason}: ${found.why}`
  }
}

const notAllowed = 'not_allowed: no rule of access.allow speaks of it'

test('what refuses comes first, then what lets in, then what holds for the rest', () => {
  const judge = judging({ deny: [{ paths: ['/admin*'] }, { from: ['crawler'] }], allow: [{ from: ['cart', 'crawler'] }] })
  expect(judge({ as: 'cart' })).toBe('in')
  expect(judge({ as: 'cart', path: '/admin/users' })).toBe('denied: access.deny[0] speaks of it')
  expect(judge({ as: 'crawler' })).toBe('denied: access.deny[1] speaks of it')
  expect(judge({ as: 'frontend' })).toBe(notAllowed)
  expect(judge()).toBe(notAllowed)
  expect(judging({ default: 'deny' })({ as: 'cart' })).toBe('not_allowed: access.default is deny')
  expect(judging({ deny: [{ from: ['crawler'] }] })({ as: 'cart' })).toBe('in')
})

test('where nothing can refuse, there are no rules at all', () => {
  expect(Rules.of(effectivePolicy('payment', null, null).policy.access, () => null)).toBeNull()
})

describe('a caller', () => {
  test('is known by name, by SPIFFE ID, or by having any', () => {
    const judge = judging({ allow: [{ from: ['cart', 'spiffe://partner/ns/a/sa/b'] }] })
    expect(judge({ as: 'cart' })).toBe('in')
    expect(judge({ as: 'spiffe://partner/ns/a/sa/b' })).toBe('in')
    for (const as of ['cart2', 'car', 'spiffe://partner/ns/a/sa/B', 'spiffe://partner/svc/cart', 'spiffe://partner/ns/a/sa/b/c', '']) {
      expect(judge({ as }), as).toBe(notAllowed)
    }
    const anybody = judging({ allow: [{ from: ['*'] }] })
    expect(anybody({ as: 'spiffe://elsewhere/x' })).toBe('in')
    expect(anybody({ as: '' })).toBe(notAllowed)
  })

  test('of no service is nobody’s namesake', () => {
    expect(judging({ deny: [{ from: ['cart'] }] })({ as: 'spiffe://elsewhere/svc/cart' })).toBe('in')
  })
})

test('methods are compared as they are sent', () => {
  const judge = judging({ allow: [{ methods: ['POST', 'Charge'] }] })
  expect([judge({ method: 'POST' }), judge({ method: 'Charge' })]).toEqual(['in', 'in'])
  expect([judge({ method: 'post' }), judge({ method: 'CHARGE' }), judge({ method: 'GET' })]).toEqual([notAllowed, notAllowed, notAllowed])
})

test('a rule that refuses GET refuses HEAD, which programs answer by the same handler; one that lets GET in lets nothing else in', () => {
  const refusing = judging({
    deny: [
      { methods: ['GET'], paths: ['/debug/*'] },
      { methods: ['HEAD'], paths: ['/x'] },
    ],
  })
  expect(refusing({ method: 'HEAD', path: '/debug/x' })).toContain('deny[0]')
  expect(refusing({ method: 'HEAD', path: '/debug' })).toContain('deny[0]')
  expect([refusing({ method: 'POST', path: '/debug/x' }), refusing({ method: 'GET', path: '/x' })]).toEqual(['in', 'in'])
  expect(judging({ allow: [{ methods: ['GET'] }] })({ method: 'HEAD' })).toBe(notAllowed)
})

describe('paths', () => {
  test('let in as they are written, and no query changes that', () => {
    const judge = judging({ allow: [{ paths: ['/charge', '/items/*'] }] })
    for (const path of ['/charge', '/charge?x=/items', '/items/', '/items/a%20b?', '/items/x/y']) expect(judge({ path }), path).toBe('in')
    for (const path of ['/Charge', '/charge/', '/charges', '/c%68arge', '/items', '/ITEMS/x', '/x?/charge', '/', '/items%3fx']) {
      expect(judge({ path }), path).toBe(notAllowed)
    }
  })

  test('refuse whatever a program may take for the same', () => {
    const judge = judging({ deny: [{ paths: ['/Admin', '/debug/*', '/x/'] }] })
    for (const path of [
      '/admin',
      '/ADMIN',
      '/admin/',
      '/%61dmin',
      '/%41DMI%4e/?a',
      '/admin?',
      '/debug',
      '/debug?x',
      '/debug/',
      '/Debug/?x',
      '/DEBUG/x',
      '/d%45bug/%78',
      '/x',
      '/X/',
    ]) {
      expect(judge({ path }), path).toBe('denied: access.deny[0] speaks of it')
    }
    for (const path of ['/admins', '/a', '/debugger', '/debu', '/', '/x/y', '/?/admin', '/admin/users'])
      expect(judge({ path }), path).toBe('in')
  })

  test('that can be read in two ways are refused where any rule looks at paths, and only there', () => {
    const path = '/public/..%2fadmin'
    const refused = 'ambiguous_path: its path has an escaped slash'
    expect(judging({ deny: [{ paths: ['/admin*'] }] })({ path })).toBe(refused)
    expect(judging({ allow: [{ from: ['cart'] }, { paths: ['/public/*'] }] })({ path, as: 'cart' })).toBe(refused)
    expect(judging({ allow: [{ from: ['cart'] }] })({ path, as: 'cart' })).toBe('in')
  })

  test('that are refused stay refused however they are disguised', () => {
    const denied = ['/admin', '/v1/Users/delete', '/debug', '/debug/vars']
    const judge = judging({ deny: [{ paths: ['/admin', '/v1/Users/delete', '/debug/*'] }] })
    const disguise = constantFrom<(letter: string) => string>(
      (letter) => letter,
      (letter) => letter.toUpperCase(),
      (letter) => letter.toLowerCase(),
      (letter) => `%${letter.charCodeAt(0).toString(16)}`,
      (letter) => `%25${letter.charCodeAt(0).toString(16)}`,
      (letter) => (letter === '/' ? '/./' : letter),
      (letter) => (letter === '/' ? '//' : letter),
      (letter) => (letter === '/' ? '\\' : letter),
    )
    assert(
      property(constantFrom(...denied), array(disguise, { minLength: 20, maxLength: 20 }), boolean(), (path, disguises, slash) => {
        const sent = [...path].map((letter, at) => disguises[at]?.(letter)).join('') + (slash ? '/' : '')
        expect(judge({ path: sent }), sent).not.toBe('in')
      }),
      { numRuns: 2000 },
    )
  })

  test('that let in do so for nothing that is not written so', () => {
    const allowed = ['/a', '/a/b', '/c/*']
    const judge = judging({ allow: [{ paths: allowed }] })
    const letters = constantFrom('a', 'A', 'b', 'c', '/', '.', '%61', '%2f', '?', '*')
    assert(
      property(array(letters, { maxLength: 5 }), (found) => {
        const sent = `/${found.join('')}`
        const path = sent.split('?', 1)[0] as string
        const meant = path === '/a' || path === '/a/b' || path.startsWith('/c/')
        if (judge({ path: sent }) === 'in') expect(meant, sent).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('headers', () => {
  test('are whole, by their beginning, or there at all', () => {
    const judge = judging({
      allow: [{ headers: { 'x-tier': { exact: 'gold' } } }, { headers: { 'x-agent': { prefix: 'bot/' }, 'x-debug': { present: false } } }],
    })
    expect(judge({ headers: { 'x-tier': 'gold' } })).toBe('in')
    expect(judge({ headers: { 'x-agent': 'bot/2' } })).toBe('in')
    for (const headers of [
      { 'x-tier': 'Gold' },
      { 'x-tier': 'gold, silver' },
      { 'x-agent': 'abot/' },
      { 'x-agent': 'bot/2', 'x-debug': '' },
      {},
    ]) {
      expect(judge({ headers }), JSON.stringify(headers)).toBe(notAllowed)
    }
  })

  test('that refuse are found among several of the name', () => {
    const judge = judging({ deny: [{ headers: { 'x-tier': { exact: 'trial' } } }, { headers: { 'x-agent': { prefix: 'bot' } } }] })
    expect(judge({ headers: { 'x-tier': 'gold, trial' } })).toContain('deny[0]')
    expect(judge({ headers: { 'x-agent': 'curl,bot/1' } })).toContain('deny[1]')
    expect(judge({ headers: { 'x-tier': 'trials' } })).toBe('in')
    expect(judging({ deny: [{ headers: { 'x-agent': { present: false } } }] })()).toContain('deny[0]')
  })
})

test('a rule speaks of the calls that meet all that it names', () => {
  const judge = judging({ allow: [{ from: ['cart'], methods: ['POST'], paths: ['/charge'], headers: { 'x-a': { present: true } } }] })
  const good = { as: 'cart', method: 'POST', path: '/charge', headers: { 'x-a': '' } }
  expect(judge(good)).toBe('in')
  for (const bad of [{ as: 'x' }, { method: 'GET' }, { path: '/' }, { headers: {} }]) expect(judge({ ...good, ...bad })).toBe(notAllowed)
})
