import { expect, test } from 'vitest'
import { Endpoint } from '../kernel/endpoint.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { ConnectionTable, type EndpointConnections } from './connection-table.ts'

class Kept implements EndpointConnections {
  settings: string
  readonly delays: number[] = []
  end = ''

  constructor(settings: string) {
    this.settings = settings
  }

  renew(delayMs: number): void {
    this.delays.push(delayMs)
  }

  retire(): void {
    this.end = 'retired'
  }

  destroy(reason: Error): void {
    this.end = reason.message
  }
}

function endpointAt(address: string): Endpoint {
  return new Endpoint('inventory', { address, labels: {}, zone: '', weight: 1 })
}

test('all connections of a mesh turn over within ten milliseconds for each endpoint, and on a change of roots within 30 seconds', async () => {
  const authority = testAuthority()
  const source = authority.identitySource('shop')
  const table = new ConnectionTable({ identity: source, random: () => 0.9 }, (_endpoint, settings: string) => new Kept(settings))
  const all = Array.from({ length: 100 }, (_, n) => table.to(endpointAt(`10.0.0.${n}:80`), ''))
  source.turn()
  expect(all.map(({ delays }) => delays)).toEqual(Array(100).fill([900]))
  const other = authority.issue('other', { ca: true })
  source.turn(authority.identityOf('shop', { roots: [authority.root.pem, other.pem], notAfter: Date.now() + 40_000 }))
  expect(all[0]?.delays[1]).toBe(27_000)
  // Half of what the old certificate has left, at most.
  source.turn()
  expect(Math.round((all[0]?.delays[2] ?? 0) / 1000)).toBe(18)
  await table.close()
  source.turn()
  expect([all[0]?.delays.length, (source as { listeners?: number }).listeners]).toEqual([3, 0])
})

test('an endpoint keeps its connections, under the settings given last, for as long as it is listed', () => {
  const table = new ConnectionTable({ identity: null, random: () => 0 }, (_endpoint, settings: string) => new Kept(settings))
  const endpoint = endpointAt('10.0.0.1:80')
  const kept = table.to(endpoint, 'first')
  expect([table.to(endpoint, 'second') === kept, kept.settings, table.size]).toEqual([true, 'second', 1])
  endpoint.retire()
  expect([kept.end, table.size]).toEqual(['retired', 0])
  // A call that had chosen it before is served, and nothing of that stays.
  const late = table.to(endpoint, 'first')
  expect([late === kept, late.end, table.size]).toEqual([false, 'retired', 0])
})

test('with the mesh all connections end at once', async () => {
  const table = new ConnectionTable({ identity: null, random: () => 0 }, (_endpoint, settings: string) => new Kept(settings))
  const all = ['10.0.0.1:80', '10.0.0.2:80'].map((address) => table.to(endpointAt(address), ''))
  await table.close()
  expect([all.map(({ end }) => end), table.size, table.closed]).toEqual([['the mesh is closed', 'the mesh is closed'], 0, true])
})
