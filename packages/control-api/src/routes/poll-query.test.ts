import { describe, expect, test } from 'vitest'
import { readPoll } from './poll-query.ts'
import { RequestProblem } from './problem.ts'

function problemsOf(query: string): string[] {
  try {
    readPoll('shop', query)
  } catch (error) {
    if (error instanceof RequestProblem && error.status === 400) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('a poll', () => {
  test('is read whole', () => {
    const query = 'instance=shop-1&after=k3f9.42&schema=2&uses=cart,payment&wait=55s&sdk=0.1.0&refused=k3f9.43&reason=too%20new'
    expect(readPoll('shop', query)).toEqual({
      service: 'shop',
      instance: 'shop-1',
      after: 'k3f9.42',
      schema: 2,
      uses: ['cart', 'payment'],
      waitMs: 55_000,
      sdk: '0.1.0',
      refused: { version: 'k3f9.43', reason: 'too new' },
    })
  })

  test('needs a name and a schema, and no more', () => {
    expect(readPoll('shop', 'instance=a&schema=1')).toMatchObject({ after: null, uses: [], waitMs: 0, refused: null })
  })

  test('may say what a later version understands', () => {
    expect(problemsOf('instance=a&schema=7&colour=blue&__proto__=1&constructor=2')).toEqual([])
  })

  test('that says something twice is refused', () => {
    expect(problemsOf('instance=a&schema=1&instance=b')).toEqual(['instance: the parameter is given twice'])
  })

  const thousand = Array.from({ length: 1000 }, (_, n) => `s${n}`).join(',')
  test('uses up to a thousand services', () => {
    expect(readPoll('shop', `instance=a&schema=1&uses=${thousand}`).uses).toHaveLength(1000)
  })

  test.each([
    ['schema=1', 'instance'],
    ['instance=&schema=1', 'instance'],
    [`instance=${'a'.repeat(129)}&schema=1`, 'instance'],
    ['instance=a%0ab&schema=1', 'instance'],
    ['instance=a', 'schema'],
    ['instance=a&schema=0', 'schema'],
    ['instance=a&schema=1e3', 'schema'],
    ['instance=a&schema=1&after=42', 'after'],
    ['instance=a&schema=1&after=e.99999999999999999', 'after'],
    [`instance=a&schema=1&uses=${thousand},more`, 'uses'],
    ['instance=a&schema=1&uses=cart,,payment', 'uses'],
    ['instance=a&schema=1&uses=Cart', 'uses'],
    ['instance=a&schema=1&uses=defaults', 'uses'],
    ['instance=a&schema=1&uses=__proto__', 'uses'],
    ['instance=a&schema=1&wait=1y', 'wait'],
    ['instance=a&schema=1&wait=6m', 'wait'],
    ['instance=a&schema=1&wait=-1s', 'wait'],
    [`instance=a&schema=1&sdk=${'1'.repeat(65)}`, 'sdk'],
    ['instance=a&schema=1&refused=yes', 'refused'],
    [`instance=a&schema=1&reason=${'x'.repeat(501)}`, 'reason'],
  ])('%s: what is wrong is %s', (query, parameter) => {
    const problems = problemsOf(query)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${parameter}: .{10,160}$`))
  })
})
