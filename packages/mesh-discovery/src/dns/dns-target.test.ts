import { type FakeClock, fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { type DnsTarget, TargetQuery } from './dns-target.ts'
import { Resolver } from './resolver.ts'
import { ScriptedServers } from './scripted-servers.ts'

const { signal } = new AbortController()

interface Scene {
  readonly servers: ScriptedServers
  readonly clock: FakeClock
  readonly query: TargetQuery
  /** `address weight` of every endpoint. */
  ask(): Promise<string[]>
}

function scene(target: DnsTarget): Scene {
  const servers = new ScriptedServers()
  const clock = fakeClock()
  const settings = { servers: [{ host: 's', port: 53 }], timeoutMs: 1000, rounds: 1 }
  const query = new TargetQuery(target, new Resolver(() => settings, servers.ask), clock)
  const ask = async (): Promise<string[]> => (await query.ask(signal)).endpoints.map(({ address, weight }) => `${address} ${weight}`)
  return { servers, clock, query, ask }
}

const byAddress: DnsTarget = { name: 'a.internal', type: 'address', port: 8080 }
const bySrv: DnsTarget = { name: '_http._tcp.a.internal', type: 'SRV', port: 0 }

test('endpoints stand in the order of their addresses, however the server shuffles them', async () => {
  const { servers, ask } = scene(byAddress)
  servers.addresses('a.internal A', ['10.0.0.2', '10.0.0.1'])
  expect(await ask()).toEqual(['10.0.0.1:8080 1', '10.0.0.2:8080 1'])
})

test('AAAA is asked for where the name has no A, and not where it does not exist', async () => {
  const { servers, query } = scene(byAddress)
  servers.said.set('a.internal A', { kind: 'none', why: 'NODATA', ttlSeconds: 7 })
  servers.addresses('a.internal AAAA', ['fd00::1'], 60)
  expect(await query.ask(signal)).toMatchObject({ endpoints: [{ address: '[fd00::1]:8080' }], ttlSeconds: 7 })
  servers.said.clear()
  servers.asked.length = 0
  expect(await query.ask(signal)).toEqual({ endpoints: [], ttlSeconds: 5 })
  expect(servers.asked).toEqual(['s a.internal A'])
})

test('SRV records become endpoints with port and weight, a host with two addresses shares its own', async () => {
  const { servers, ask } = scene(bySrv)
  servers.services(bySrv.name, ['0 30 8081 one.internal', '0 10 8082 two.internal'])
  servers.addresses('one.internal A', ['10.0.0.1', '10.0.0.2'])
  servers.addresses('two.internal A', ['10.0.0.3'])
  expect(await ask()).toEqual(['10.0.0.1:8081 15', '10.0.0.2:8081 15', '10.0.0.3:8082 10'])
})

test('weight 0 is a very small share, and where all have it they share alike', async () => {
  const { servers, ask } = scene(bySrv)
  servers.addresses('one.internal A', ['10.0.0.1'])
  servers.addresses('two.internal A', ['10.0.0.2'])
  servers.services(bySrv.name, ['0 0 80 one.internal', '0 10 80 two.internal'])
  expect(await ask()).toEqual(['10.0.0.1:80 0.1', '10.0.0.2:80 10'])
  servers.services(bySrv.name, ['0 0 80 one.internal', '0 0 80 two.internal'])
  expect(await ask()).toEqual(['10.0.0.1:80 1', '10.0.0.2:80 1'])
})

test('a later priority serves only where no host of an earlier one has an address', async () => {
  const { servers, ask } = scene(bySrv)
  servers.services(bySrv.name, ['10 1 80 first.internal', '20 1 80 second.internal'])
  servers.addresses('first.internal A', ['10.0.0.1'])
  servers.addresses('second.internal A', ['10.0.0.2'])
  expect(await ask()).toEqual(['10.0.0.1:80 1'])
  const later = scene(bySrv)
  later.servers.services(bySrv.name, ['10 1 80 first.internal', '20 1 80 second.internal'])
  later.servers.addresses('second.internal A', ['10.0.0.2'])
  expect(await later.ask()).toEqual(['10.0.0.2:80 1'])
})

test('a service that is decidedly not offered has no endpoints', async () => {
  const { servers, ask } = scene(bySrv)
  servers.services(bySrv.name, ['0 0 0 '])
  expect(await ask()).toEqual([])
})

test('a host is asked for again when its own lifetime is over, not with every question for the service', async () => {
  const { servers, clock, query, ask } = scene(bySrv)
  servers.services(bySrv.name, ['0 1 80 one.internal'], 1)
  servers.addresses('one.internal A', ['10.0.0.1'], 10)
  await ask()
  await clock.advance('9.5s')
  expect((await query.ask(signal)).ttlSeconds).toBe(0.5)
  await clock.advance('600ms')
  await ask()
  expect(servers.asked.filter((asked) => asked.includes('one.internal'))).toHaveLength(2)
})

test('a host that cannot be found any more keeps its address, and hides nothing of the others', async () => {
  const { servers, clock, ask } = scene(bySrv)
  servers.services(bySrv.name, ['0 1 80 one.internal', '0 1 80 two.internal'])
  servers.addresses('one.internal A', ['10.0.0.1'], 1)
  servers.addresses('two.internal A', ['10.0.0.2'], 1)
  await ask()
  servers.fails('one.internal A')
  servers.addresses('two.internal A', ['10.0.0.3'], 1)
  await clock.advance('2s')
  expect(await ask()).toEqual(['10.0.0.1:80 1', '10.0.0.3:80 1'])
})

test('when no host can be found nothing has been learned: the question fails', async () => {
  const { servers, ask } = scene(bySrv)
  servers.services(bySrv.name, ['0 1 80 one.internal'])
  servers.fails('one.internal A')
  await expect(ask()).rejects.toThrow('one.internal A: s:53 answered SERVFAIL')
})

test('records that name more hosts than anybody runs are refused whole', async () => {
  const { servers, ask } = scene(bySrv)
  servers.services(
    bySrv.name,
    Array.from({ length: 2001 }, (_, index) => `0 1 80 h${index}.internal`),
  )
  await expect(ask()).rejects.toThrow('name 2001 hosts')
  expect(servers.asked).toHaveLength(1)
})
