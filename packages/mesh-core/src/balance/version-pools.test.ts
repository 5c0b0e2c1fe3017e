import { describe, expect, test } from 'vitest'
import type { EndpointInfo } from '../kernel/discovery.ts'
import { WatchSource } from '../kernel/watch.ts'
import { EndpointSet } from './endpoint-set.ts'
import { type PoolsPolicy, VersionPools } from './version-pools.ts'

const silent = { added: () => {}, removed: () => {}, changed: () => {}, flawed: () => {} }

function fleet(versions: readonly string[], policy: Partial<PoolsPolicy> = {}) {
  const infos = versions.map((version, n): EndpointInfo => ({ address: `${version}-${n}:1`, labels: { version }, zone: '', weight: 1 }))
  const source = new WatchSource<readonly EndpointInfo[]>(infos)
  const set = new EndpointSet('s', silent)
  set.follow(source)
  const labels = (version: string) => ({ labels: { version } })
  const pools = new VersionPools(set, {
    versions: { v1: labels('v1'), v2: labels('v2') },
    outlier: null,
    zones: null,
    slowStartMs: 0,
    ...policy,
  })
  const throwOut = (...addresses: string[]): void => {
    for (const endpoint of set.all) endpoint.guard = addresses.includes(endpoint.address) ? { out: true, admits: () => false } : null
    set.standing++
  }
  const names = (version: string): string[] => pools.of(version).all.endpoints.map(({ address }) => address)
  return { source, set, pools, throwOut, names, infos }
}

describe('the pools of versions', () => {
  test('hold the endpoints that carry all labels of a version; the version of no name holds all, an unknown one none', () => {
    const { names } = fleet(['v1', 'v2', 'v1', 'v3'])
    expect([names('v1'), names('v2'), names(''), names('v9'), names('constructor')]).toEqual([
      ['v1-0:1', 'v1-2:1'],
      ['v2-1:1'],
      ['v1-0:1', 'v2-1:1', 'v1-2:1', 'v3-3:1'],
      [],
      [],
    ])
  })

  test('are kept until discovery tells something new', () => {
    const { pools, source, infos } = fleet(['v1'])
    const before = pools.of('v1')
    expect(pools.of('v1')).toBe(before)
    source.set([...infos])
    expect(pools.of('v1')).not.toBe(before)
  })

  test('panic each for itself, once fewer than the share of the policy are in', () => {
    const { pools, throwOut } = fleet(['v1', 'v1', 'v1', 'v1', 'v2', 'v2'], { outlier: { panic: 0.5, maxEjected: 0.5 } })
    throwOut('v1-0:1', 'v1-1:1')
    expect([pools.of('v1').all.panics, pools.of('v2').all.panics, pools.of('').all.panics]).toEqual([false, false, false])
    throwOut('v1-0:1', 'v1-1:1', 'v1-2:1')
    expect([pools.of('v1').all.panics, pools.of('v2').all.panics, pools.of('').all.panics]).toEqual([true, false, false])
    throwOut()
    expect(pools.of('v1').all.panics).toBe(false)
  })

  test('use the only endpoint of a version though it is out, unless the policy lets all go and never panics', () => {
    const careful = fleet(['v1', 'v1', 'v2'], { outlier: { panic: 0, maxEjected: 0.5 } })
    careful.throwOut('v2-2:1', 'v1-0:1')
    expect([careful.pools.of('v2').all.panics, careful.pools.of('v1').all.panics]).toEqual([true, false])
    const strict = fleet(['v2'], { outlier: { panic: 0, maxEjected: 1 } })
    strict.throwOut('v2-0:1')
    expect(strict.pools.of('v2').all.panics).toBe(false)
  })
})
