import { MeshError } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { consulEndpoints, consulRegistration } from './index.ts'

test('every wrong option is named, with what was meant, and the token is not shown', () => {
  const wrong = { address: 'consul:8500', services: ['Payment'], token: 'a b', datacentre: 'x' }
  expect(() => consulEndpoints(wrong as never)).toThrow(MeshError)
  expect(() => consulEndpoints(wrong as never)).toThrow(/address: expected the origin of an agent/)
  expect(() => consulEndpoints(wrong as never)).toThrow(/services/)
  expect(() => consulEndpoints(wrong as never)).toThrow(/unknown key `datacentre`: did you mean `datacenter`\?/)
  expect(() => consulEndpoints(wrong as never)).not.toThrow(/a b/)
})

test('a check is "ttl" or a path, and its time is a second at the least', () => {
  expect(() => consulRegistration({ check: 'tcp' as never })).toThrow('check: expected "ttl", or a map with the path under `http`')
  expect(() => consulRegistration({ ttlMs: 10 })).toThrow('ttlMs: expected 1000 ms at the least')
  expect(() => consulRegistration({ check: { http: '/readyz' } })).not.toThrow()
})

test('a service that is not named is unknown, and nothing is asked about it', async () => {
  const discovery = consulEndpoints({ services: { payment: 'Payment-Service' } })
  expect([discovery.services(), discovery.watch('Payment-Service'), [...(discovery.freshness?.() ?? [])]]).toEqual([['payment'], null, []])
  await discovery.close()
})
