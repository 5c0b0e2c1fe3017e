import { array, assert, integer, property, subarray } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { WatchSource } from '../kernel/watch.ts'
import { EndpointSet } from './endpoint-set.ts'

function info(address: string, over: Partial<EndpointInfo> = {}): EndpointInfo {
  return { address, labels: {}, zone: '', weight: 1, ...over }
}

function underTest(initial?: readonly EndpointInfo[]) {
  const told: string[] = []
  const source = new WatchSource<readonly EndpointInfo[]>(initial)
  const set = new EndpointSet('s', {
    added: ({ address }) => told.push(`+${address}`),
    removed: ({ address, gone }) => told.push(`-${address}${gone ? ' too late' : ''}`),
    changed: (count) => told.push(`${count}`),
    flawed: (problem) => told.push(problem),
  })
  set.follow(source)
  return { set, source, told }
}

describe('a set of endpoints', () => {
  test('knows nothing until discovery has told anything, be it that there are none', () => {
    const { set, source } = underTest()
    expect(set.known).toBe(false)
    source.set([])
    expect([set.known, set.size]).toEqual([true, 0])
  })

  test('keeps an endpoint and its counters across updates, and takes its new labels, zone and weight', () => {
    const { set, source } = underTest([info('a:1')])
    const [before] = set.all as Iterable<Endpoint> & [Endpoint]
    ;(before as Endpoint).inFlight = 3
    source.set([info('b:1'), info('a:1', { weight: 5, zone: 'z', labels: { version: 'v2' } })])
    const after = [...set.all].find(({ address }) => address === 'a:1') as Endpoint
    expect(after).toBe(before)
    expect([after.inFlight, after.weight, after.zone, after.labels, after.gone]).toEqual([3, 5, 'z', { version: 'v2' }, false])
  })

  test('retires what is no longer listed, once, and gives what comes back a new identity', () => {
    const { set, source, told } = underTest([info('a:1')])
    const [old] = [...set.all] as [Endpoint]
    let retired = 0
    old.whenGone({ retire: () => retired++ })
    source.set([])
    source.set([info('a:1')])
    expect([old.gone, retired, [...set.all][0] === old]).toEqual([true, 1, false])
    expect(told).toEqual(['+a:1', '1', '-a:1', '0', '+a:1', '1'])
  })

  test('takes an address that is listed twice for one endpoint', () => {
    const { set, told } = underTest([info('a:1'), info('a:1', { weight: 2 })])
    expect([...set.all].map(({ address, weight }) => [address, weight])).toEqual([['a:1', 2]])
    expect(told).toEqual(['+a:1', '1'])
  })

  test('leaves out what cannot be called, and says so once for each list', () => {
    const { set, told } = underTest([
      info('a:1'),
      info('nonsense'),
      info('a:70000'),
      info('b:1', { weight: Number.NaN }),
      info('c:1', { weight: Number.POSITIVE_INFINITY }),
      info('d:1', { weight: -1 }),
      { address: 'e:1' } as EndpointInfo,
      null as never,
      info('[::1]:80'),
      info('bad host:1'),
      info('http://x/:1'),
    ])
    expect([...set.all].map(({ address }) => address)).toEqual(['a:1', '[::1]:80'])
    expect(told).toContain('9 of 11 endpoints are left out, the first one has no address of the form host:port: "nonsense"')
  })

  test('lets whoever waits go on when the first list comes, and only those', () => {
    const { set, source } = underTest()
    const arrived: string[] = []
    set.whenKnown(() => arrived.push('a'))
    const stop = set.whenKnown(() => arrived.push('b'))
    stop()
    source.set([info('a:1')])
    source.set([])
    expect(arrived).toEqual(['a'])
  })

  test('follows another Watch in place of the first', () => {
    const { set, source } = underTest([info('a:1')])
    const other = new WatchSource<readonly EndpointInfo[]>([info('a:1'), info('b:1')])
    const [a] = [...set.all]
    set.follow(other)
    source.set([])
    expect([set.size, [...set.all][0] === a, source.listeners, other.listeners]).toEqual([2, true, 0, 1])
    set.follow(null)
    expect([set.size, set.known, other.listeners]).toEqual([0, true, 0])
  })

  test('that is closed lets go of everything, follows nobody, and keeps nobody waiting', () => {
    const { set, source } = underTest([info('a:1')])
    const [a] = [...set.all] as [Endpoint]
    set.close()
    set.follow(source)
    expect([set.size, a.gone, source.listeners]).toEqual([0, true, 0])
    const waiting = underTest()
    let arrived = 0
    waiting.set.whenKnown(() => arrived++)
    waiting.set.close()
    expect(arrived).toBe(1)
  })
})

const names = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1']

test('whatever lists come, the set holds what the last one says, the same objects as long as they stay, and retires the others', () => {
  assert(
    property(array(subarray(names)), array(integer({ min: 0, max: 3 })), (lists, loads) => {
      const { set, source } = underTest([])
      const model = new Map<string, { endpoint: Endpoint; load: number }>()
      for (const [at, list] of lists.entries()) {
        source.set(list.map((address) => info(address)))
        const gone = [...model].filter(([address]) => !list.includes(address))
        for (const [address, { endpoint }] of gone) {
          expect(endpoint.gone).toBe(true)
          model.delete(address)
        }
        for (const endpoint of set.all) {
          const known = model.get(endpoint.address)
          if (known === undefined) model.set(endpoint.address, { endpoint, load: 0 })
          else expect([endpoint === known.endpoint, endpoint.inFlight]).toEqual([true, known.load])
          const entry = model.get(endpoint.address) as { endpoint: Endpoint; load: number }
          entry.load += loads[at % Math.max(1, loads.length)] ?? 0
          endpoint.inFlight = entry.load
        }
        expect([...set.all].map(({ address }) => address)).toEqual(list)
      }
    }),
  )
})
