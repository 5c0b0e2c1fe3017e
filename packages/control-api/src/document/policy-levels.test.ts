import { schemaLevel } from '@zerohop/mesh-core/policy'
import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { NaiveClient } from '../testing/naive-client.ts'
import { TestPlane } from '../testing/test-plane.ts'
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
    codes: { 502: 'unavailable', ABORTED: 'unavailable' },
  })
  expect(policy.fullFrom).toBe(4)
  expect(documentAt(policy, 4)).toEqual(policy.document)
  expect(documentAt(policy, 3)).toEqual({
    service: 'payment',
    timeout: '1s',
    health: { path: '/healthz' },
    connections: { perEndpoint: 8 },
    codes: { 502: 'unavailable' },
  })
  const plain = { service: 'payment', timeout: '1s', connections: { perEndpoint: 8 }, codes: { 502: 'unavailable' } }
  expect(documentAt(policy, 1)).toEqual(plain)
})

test('the newest field decides from which level a policy is whole, and all levels above share one text', () => {
  const withAge = new LeveledPolicy({ connections: { maxAge: '1h' } })
  expect(withAge.fullFrom).toBe(4)
  const plain = new LeveledPolicy({ connections: { perEndpoint: 8 } })
  expect(plain.fullFrom).toBe(1)
  expect(plain.at(1)).toBe(plain.at(99))
})

test('a check that older clients cannot make is off for them: what would be left of its section says nothing', () => {
  const policy = new LeveledPolicy({ health: { grpc: {}, interval: '5s' } })
  expect(documentAt(policy, 4)).toEqual(policy.document)
  expect(documentAt(policy, 3)).toEqual({ health: false })
  expect(documentAt(policy, 2)).toEqual({})
  expect(documentAt(new LeveledPolicy({ health: { tcp: true }, access: {} }), 3)).toEqual({ health: { tcp: true } })
})

test('a switched-off section is no map of fields', () => {
  expect(documentAt(new LeveledPolicy({ breaker: false, access: { mtls: 'strict' } }), 1)).toEqual({ breaker: false })
})

test('a poll of an older schema gets what that schema knows', () => {
  const plane = new TestPlane(fakeClock())
  plane.write('mail', { external: true, timeout: '2s', slowStart: '30s', zones: false })
  const client = new NaiveClient(plane, 'i1', ['mail'])
  client.schema = 1
  expect(Object.keys(client.poll().document.policies.mail?.document ?? {})).toEqual(['service', 'timeout'])
  client.schema = 2
  expect(Object.keys(client.poll().document.policies.mail?.document ?? {})).toEqual(['service', 'external', 'timeout'])
  client.schema = 99
  expect(client.poll().document).toMatchObject({
    schema: schemaLevel,
    policies: { mail: { document: { slowStart: '30s', zones: false } } },
  })
})
