import { expect, test } from 'vitest'
import { LeveledPolicy } from './policy-levels.ts'

function documentAt(policy: LeveledPolicy, level: number): unknown {
  return JSON.parse(policy.at(level).part.bytes.toString()).document
}

test('a section that came later is left out whole, a field that came later is taken out of its section', () => {
  const policy = new LeveledPolicy({
    service: 'payment',
    timeout: '1s',
    health: { path: '/healthz' },
    connections: { perEndpoint: 8, maxAge: '1h' },
    access: { mtls: 'strict' },
  })
  expect(policy.fullFrom).toBe(4)
  expect(documentAt(policy, 4)).toEqual(policy.document)
  expect(documentAt(policy, 3)).toEqual({
    service: 'payment',
    timeout: '1s',
    health: { path: '/healthz' },
    connections: { perEndpoint: 8 },
  })
  expect(documentAt(policy, 1)).toEqual({ service: 'payment', timeout: '1s', connections: { perEndpoint: 8 } })
})

test('the newest field decides from which level a policy is whole, and all levels above share one text', () => {
  const withAge = new LeveledPolicy({ connections: { maxAge: '1h' } })
  expect(withAge.fullFrom).toBe(4)
  const plain = new LeveledPolicy({ connections: { perEndpoint: 8 } })
  expect(plain.fullFrom).toBe(1)
  expect(plain.at(1)).toBe(plain.at(99))
})

test('a switched-off section is no map of fields', () => {
  expect(documentAt(new LeveledPolicy({ breaker: false, access: { mtls: 'strict' } }), 1)).toEqual({ breaker: false })
})
