import { assert, double, integer, nat, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Endpoint } from '../kernel/endpoint.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { shareOfNear, ZonedPools } from './zoned-pools.ts'

function endpointsIn(zones: readonly string[]): Endpoint[] {
  return zones.map((zone, n) => new Endpoint('s', { address: `e${n}:1`, labels: {}, zone, weight: 1 }))
}

const layout = { zone: 'a', minEndpoints: 2, slowStartMs: 0, panic: 0.0001 }

function poolsOf(zones: readonly string[], over: Partial<typeof layout> = {}) {
  const endpoints = endpointsIn(zones)
  const pools = new ZonedPools(endpoints, { ...layout, ...over })
  pools.count()
  return { endpoints, pools }
}

describe('the share of calls that stay', () => {
  test.each([
    [1, 1, 100],
    [0.72, 1, 100],
    [0.71, 1, 99],
    [0.5, 1, 70],
    [0.25, 1, 35],
    [0, 1, 0],
    // Both sides too weak: in proportion.
    [0.2, 0.3, 40],
    [0.3, 0, 100],
    [0, 0, 100],
  ])('with %f of the zone and %f of the others in balance is %i %%', (near, far, percent) => {
    expect(Math.round(100 * shareOfNear(near, far))).toBe(percent)
  })

  test('is a share, and grows with the health of the zone', () => {
    const share = double({ min: 0, max: 1, noNaN: true })
    assert(
      property(share, share, share, (one, other, far) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)]
        expect(shareOfNear(more, far)).toBeLessThanOrEqual(1)
        if (far + less > 0) expect(shareOfNear(less, far)).toBeLessThanOrEqual(shareOfNear(more, far))
      }),
    )
  })
})

describe('pools by zone', () => {
  test('are one where no zone is known, endpoints are few, or all stand in one zone', () => {
    expect(poolsOf(['a', 'b'], { zone: '' }).pools.near).toBeNull()
    expect(poolsOf(['a', 'b'], { minEndpoints: 3 }).pools.near).toBeNull()
    expect(poolsOf(['a', 'a']).pools.near).toBeNull()
    expect(poolsOf(['b', 'c']).pools.near).toBeNull()
    expect(poolsOf(['a', 'b']).pools.near?.endpoints.length).toBe(1)
  })

  test('all go to one pool where so many are out that the evidence is not believed', () => {
    const { endpoints, pools } = poolsOf(['a', 'a', 'b', 'b'], { panic: 0.5 })
    for (const endpoint of endpoints.slice(0, 3)) endpoint.healthy = false
    pools.count()
    expect(pools.draw(() => 0)).toBe(pools.all)
  })

  test('share the draws as a naive count of who is in says', () => {
    assert(
      property(integer({ min: 1, max: 12 }), integer({ min: 1, max: 12 }), nat(), nat(), (near, far, outNear, outFar) => {
        const { endpoints, pools } = poolsOf([...Array.from({ length: near }, () => 'a'), ...Array.from({ length: far }, () => 'b')])
        const gone = [outNear % (near + 1), outFar % (far + 1)] as const
        for (const endpoint of endpoints.slice(0, gone[0])) endpoint.healthy = false
        for (const endpoint of endpoints.slice(near, near + gone[1])) endpoint.healthy = false
        pools.count()
        if (gone[0] === near && gone[1] === far) {
          expect(pools.draw(() => 0)).toBe(pools.all)
          return
        }
        const health = (140 * (near - gone[0])) / near
        const rest = (140 * (far - gone[1])) / far
        const naive = Math.min(100, health) / Math.min(100, Math.min(100, health) + Math.min(100, rest))
        const random = seededRandom(near * 100 + far)
        let stayed = 0
        for (let n = 0; n < 2000; n++) if (pools.draw(random) === pools.near) stayed++
        // Four times the deviation of 2000 draws at one half.
        expect(Math.abs(stayed / 2000 - naive)).toBeLessThan(0.045)
      }),
      { numRuns: 40 },
    )
  })
})
