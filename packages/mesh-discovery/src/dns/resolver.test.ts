import { expect, test } from 'vitest'
import { DnsFailure, Resolver } from './resolver.ts'
import { ScriptedServers } from './scripted-servers.ts'

const { signal } = new AbortController()

function scene(hosts: readonly string[], rounds = 2): { servers: ScriptedServers; resolver: Resolver } {
  const servers = new ScriptedServers()
  const settings = { servers: hosts.map((host) => ({ host, port: 53 })), timeoutMs: 1000, rounds }
  return { servers, resolver: new Resolver(() => settings, servers.ask) }
}

test('the next server is asked when one fails, and first from then on', async () => {
  const { servers, resolver } = scene(['s1', 's2'])
  servers.fails('s1 a.internal A')
  servers.addresses('s2 a.internal A', ['10.0.0.1'])
  expect(await resolver.resolve('a.internal', 'A', signal)).toMatchObject({ addresses: ['10.0.0.1'] })
  await resolver.resolve('a.internal', 'A', signal)
  expect(servers.asked).toEqual(['s1 a.internal A', 's2 a.internal A', 's2 a.internal A'])
})

test('that a name does not exist is an answer: nobody else is asked', async () => {
  const { servers, resolver } = scene(['s1', 's2'])
  expect(await resolver.resolve('a.internal', 'A', signal)).toMatchObject({ kind: 'none', why: 'NXDOMAIN' })
  expect(servers.asked).toHaveLength(1)
})

test('when all fail, the error says of each why, once', async () => {
  const { servers, resolver } = scene(['10.0.0.1', 'fd00::1'])
  servers.fails('10.0.0.1 a.internal A')
  servers.fails('fd00::1 a.internal A', 'gave no answer within 1000 ms')
  const expected = new DnsFailure('a.internal A: 10.0.0.1:53 answered SERVFAIL; [fd00::1]:53 gave no answer within 1000 ms')
  await expect(resolver.resolve('a.internal', 'A', signal)).rejects.toEqual(expected)
  expect(servers.asked).toHaveLength(4)
})

test('an alias out of the zone is asked for, and the shortest lifetime holds', async () => {
  const { servers, resolver } = scene(['s1'])
  servers.said.set('a.internal A', { kind: 'alias', target: 'b.example', ttlSeconds: 3 })
  servers.addresses('b.example A', ['10.0.0.1'], 60)
  expect(await resolver.resolve('a.internal', 'A', signal)).toEqual({ kind: 'addresses', addresses: ['10.0.0.1'], ttlSeconds: 3 })
})

test('aliases that lead in a circle end in an error', async () => {
  const { servers, resolver } = scene(['s1'])
  servers.said.set('a.internal A', { kind: 'alias', target: 'b.internal', ttlSeconds: 3 })
  servers.said.set('b.internal A', { kind: 'alias', target: 'a.internal', ttlSeconds: 3 })
  await expect(resolver.resolve('a.internal', 'A', signal)).rejects.toThrow('its aliases come to no end')
  expect(servers.asked).toHaveLength(9)
})

test('who has closed asks no further server', async () => {
  const { servers, resolver } = scene(['s1', 's2'])
  const closing = new AbortController()
  closing.abort()
  await expect(resolver.resolve('a.internal', 'A', closing.signal)).rejects.toBeInstanceOf(DnsFailure)
  expect(servers.asked).toEqual([])
})
