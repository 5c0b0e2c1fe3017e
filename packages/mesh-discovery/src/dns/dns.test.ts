import { type FakeClock, fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { DnsEndpoints } from './dns.ts'
import { type DnsEndpointsOptions, readDnsOptions } from './dns-options.ts'
import { NameServers } from './name-servers.ts'
import { Resolver } from './resolver.ts'
import { ScriptedServers } from './scripted-servers.ts'

interface Scene {
  readonly clock: FakeClock
  readonly servers: ScriptedServers
  readonly lines: string[]
  readonly discovery: DnsEndpoints
  addresses(service: string): string[] | undefined
}

function scene(options: DnsEndpointsOptions = { services: { inventory: 'a.internal:8080' } }): Scene {
  const clock = fakeClock()
  const servers = new ScriptedServers()
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const log = { info: say, warn: say, error: say }
  const nameServers = new NameServers({ servers: [{ host: 's', port: 53 }], timeoutMs: 1000 }, log)
  const resolver = new Resolver(() => nameServers.settings, servers.ask)
  const discovery = new DnsEndpoints({ settings: readDnsOptions(options), resolver, nameServers, clock, random: () => 0, log })
  const addresses = (service: string): string[] | undefined => discovery.watch(service)?.current?.map(({ address }) => address)
  return { clock, servers, lines, discovery, addresses }
}

test('nothing is asked before a service is wanted, and then once per lifetime of the answer', async () => {
  const { clock, servers, discovery, addresses } = scene()
  servers.addresses('a.internal A', ['10.0.0.1'], 10)
  await clock.advance('1m')
  expect(servers.asked).toEqual([])
  await discovery.ready()
  expect(addresses('inventory')).toEqual(['10.0.0.1:8080'])
  await clock.advance('9.9s')
  expect(servers.asked).toHaveLength(1)
  servers.addresses('a.internal A', ['10.0.0.2'], 10)
  await clock.advance('200ms')
  expect(addresses('inventory')).toEqual(['10.0.0.2:8080'])
  await discovery.close()
})

test.each([
  [0, 1],
  [86_400, 60],
])('an answer with a lifetime of %i s is believed for %i s', async (ttlSeconds, seconds) => {
  const { clock, servers, discovery } = scene()
  servers.addresses('a.internal A', ['10.0.0.1'], ttlSeconds)
  await discovery.ready()
  await clock.advance(seconds * 1000 - 1)
  expect(servers.asked).toHaveLength(1)
  await clock.advance(1)
  expect(servers.asked).toHaveLength(2)
  await discovery.close()
})

test('while no server answers the last endpoints stay, and their age and the failures are told', async () => {
  const { clock, servers, lines, discovery, addresses } = scene()
  servers.addresses('a.internal A', ['10.0.0.1'], 1)
  await discovery.ready()
  servers.fails('a.internal A')
  await clock.advance('1h')
  expect(addresses('inventory')).toEqual(['10.0.0.1:8080'])
  const [freshness] = discovery.freshness()
  expect(freshness).toMatchObject({ source: 'dns', service: 'inventory', ageMs: 3_600_000 })
  expect(freshness?.failures).toBeGreaterThan(100)
  expect(lines).toEqual([expect.stringContaining('keeps its 1 endpoints, and is tried again: a.internal A: s:53 answered SERVFAIL')])
  await discovery.close()
})

test('a name that has suddenly no address keeps its endpoints for as long as asked', async () => {
  const { clock, servers, discovery, addresses } = scene({ services: { inventory: 'a.internal:8080' }, holdEmptyMs: 10_000 })
  servers.addresses('a.internal A', ['10.0.0.1'], 1)
  await discovery.ready()
  servers.said.clear()
  await clock.advance('10.9s')
  expect(addresses('inventory')).toEqual(['10.0.0.1:8080'])
  await clock.advance('200ms')
  expect(addresses('inventory')).toEqual([])
  await discovery.close()
})

test('a template finds every service of one word, and no other host', async () => {
  const { clock, servers, discovery, addresses } = scene({ template: '{service}.shop.internal:80', services: { user: 'u.internal:81' } })
  servers.addresses('cart.shop.internal A', ['10.0.0.1'])
  const stop = discovery.watch('cart')?.subscribe(() => {})
  await clock.advance(0)
  expect(addresses('cart')).toEqual(['10.0.0.1:80'])
  for (const host of ['api.example.com', 'localhost', 'Cart', '10.0.0.1', '']) expect(discovery.watch(host)).toBeNull()
  expect(discovery.services()).toEqual(['user', 'cart'])
  stop?.()
  await discovery.close()
})

test('a service of a template that nobody follows is asked for no more', async () => {
  const { clock, servers, discovery } = scene({ template: '{service}.shop.internal:80' })
  const stop = discovery.watch('cart')?.subscribe(() => {})
  await clock.advance('1m')
  const asked = servers.asked.length
  expect(asked).toBeGreaterThan(2)
  stop?.()
  await clock.advance('1h')
  expect(servers.asked).toHaveLength(asked)
  expect([...discovery.freshness()]).toEqual([])
  expect(clock.pending).toBe(0)
})

test('a template follows a thousand services at the most, and says so once', async () => {
  const { clock, lines, discovery } = scene({ template: '{service}.shop.internal:80' })
  for (let index = 0; index < 1010; index++) discovery.watch(`s${index}`)?.subscribe(() => {})
  expect([...discovery.freshness()]).toHaveLength(1000)
  expect(lines.filter((line) => line.includes('1000 services'))).toHaveLength(1)
  await discovery.close()
  await clock.advance(0)
  expect(clock.pending).toBe(0)
})

test('after close nothing is asked and nothing waits', async () => {
  const { clock, servers, discovery } = scene()
  await discovery.ready()
  await discovery.close()
  const asked = servers.asked.length
  await clock.advance('1h')
  expect(servers.asked).toHaveLength(asked)
  expect(clock.pending).toBe(0)
})
