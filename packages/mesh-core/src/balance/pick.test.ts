import { assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { leastLoaded, roundRobin } from './pick.ts'
import { Pool } from './pool.ts'

function endpoints(weights: readonly number[]): Endpoint[] {
  return weights.map((weight, n) => new Endpoint('s', { address: `e${n}:1`, labels: {}, zone: '', weight }))
}

function newCall(): Call {
  return new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
}

const shutOut = { out: true, admits: () => false }

describe.each([
  ['round robin', roundRobin],
  ['least loaded', leastLoaded],
])('%s', (_name, strategy) => {
  test('answers null where there is nobody to pick', () => {
    expect(strategy(seededRandom(1))(new Pool([]), newCall(), 0)).toBeNull()
    expect(strategy(seededRandom(1))(new Pool(endpoints([0, 0])), newCall(), 0)).toBeNull()
  })

  test('finds the only one of 10,000 that admits the call', () => {
    const all = endpoints(Array.from({ length: 10_000 }, () => 1))
    for (const endpoint of all) endpoint.guard = shutOut
    const only = all[6543] as Endpoint
    only.guard = null
    expect(strategy(seededRandom(1))(new Pool(all), newCall(), 0)).toBe(only)
  })

  test('answers null where none admits, and uses all where the pool panics', () => {
    const all = endpoints([1, 1, 1])
    for (const endpoint of all) endpoint.guard = shutOut
    const pool = new Pool(all)
    const pick = strategy(seededRandom(1))
    expect(pick(pool, newCall(), 0)).toBeNull()
    pool.count(0.5)
    expect(pool.panics).toBe(true)
    const picked = new Set(Array.from({ length: 100 }, () => pick(pool, newCall(), 0)))
    expect(picked.size).toBe(3)
  })

  test('goes where the call has not failed yet, and back there only where nobody else is left', () => {
    const all = endpoints([1, 1, 1])
    const pick = strategy(seededRandom(7))
    const call = newCall()
    call.tried = [all[0] as Endpoint, all[1] as Endpoint]
    for (let n = 0; n < 50; n++) expect(pick(new Pool(all), call, 0)).toBe(all[2])
    call.tried.push(all[2] as Endpoint)
    expect(all).toContain(pick(new Pool(all), call, 0))
    for (const endpoint of all) endpoint.guard = shutOut
    const panicking = new Pool(all)
    panicking.count(0.5)
    expect(all).toContain(pick(panicking, call, 0))
  })

  test('never picks one of weight 0, nor one that does not admit', () => {
    const all = endpoints([1, 0, 1])
    ;(all[2] as Endpoint).guard = shutOut
    const pool = new Pool(all)
    const pick = strategy(seededRandom(3))
    for (let n = 0; n < 100; n++) expect(pick(pool, newCall(), 0)).toBe(all[0])
  })
})

describe('least loaded', () => {
  test('takes the less busy of two, by attempts under way per weight', () => {
    const all = endpoints([1, 4])
    const pick = leastLoaded(seededRandom(1))
    const pool = new Pool(all)
    const [light, heavy] = all as [Endpoint, Endpoint]
    light.inFlight = 2
    heavy.inFlight = 7
    for (let n = 0; n < 30; n++) expect(pick(pool, newCall(), 0)).toBe(heavy)
    heavy.inFlight = 9
    // The light one is drawn in a fifth of the draws; eight draws find it nearly always.
    const picks = Array.from({ length: 300 }, () => pick(pool, newCall(), 0))
    expect(picks.filter((endpoint) => endpoint === light).length).toBeGreaterThan(200)
  })

  test('sends a slow endpoint less than its share', () => {
    const all = endpoints([1, 1, 1, 1])
    const pool = new Pool(all)
    const pick = leastLoaded(seededRandom(5))
    const counts = [0, 0, 0, 0]
    // Endpoint 0 ends nothing, the others end everything at once.
    for (let n = 0; n < 1000; n++) {
      const endpoint = pick(pool, newCall(), 0) as Endpoint
      const at = all.indexOf(endpoint)
      counts[at] = (counts[at] as number) + 1
      if (at === 0) endpoint.inFlight++
    }
    expect(counts[0]).toBeLessThan(10)
  })
})

describe('a pool', () => {
  test('draws by weight', () => {
    const pool = new Pool(endpoints([1, 0, 3, 6]))
    const random = seededRandom(11)
    const counts = [0, 0, 0]
    for (let n = 0; n < 10_000; n++) {
      const at = pool.draw(random)
      counts[at] = (counts[at] as number) + 1
    }
    expect(counts.map((count) => Math.round(count / 500))).toEqual([2, 6, 12])
  })

  test('gives turns by weight, spread evenly, whatever the weights', () => {
    const weights = integer({ min: 1, max: 9 })
    assert(
      property(weights, weights, weights, integer(), (a, b, c, seed) => {
        const pool = new Pool(endpoints([a, b, c]))
        const random = seededRandom(seed)
        const turns = 300 * (a + b + c)
        const counts = [0, 0, 0]
        for (let n = 0; n < turns; n++) {
          const at = pool.next(random)
          counts[at] = (counts[at] as number) + 1
        }
        for (const [at, weight] of [a, b, c].entries()) expect(Math.abs((counts[at] as number) - 300 * weight)).toBeLessThan(6)
      }),
    )
  })

  test('does not give the light ones their turns all at once', () => {
    const pool = new Pool(endpoints([10, ...Array.from({ length: 10 }, () => 1)]))
    let lightInARow = 0
    let most = 0
    for (let n = 0; n < 2000; n++) {
      lightInARow = pool.next(() => 0) === 0 ? 0 : lightInARow + 1
      most = Math.max(most, lightInARow)
    }
    expect(most).toBeLessThanOrEqual(3)
  })

  test('takes equals strictly in turn, beginning anywhere', () => {
    const pool = new Pool(endpoints([2, 2, 2]))
    const random = () => 0.5
    expect(Array.from({ length: 6 }, () => pool.next(random))).toEqual([1, 2, 0, 1, 2, 0])
  })

  test('of very many endpoints with one heavy one among them still finds the next', () => {
    const pool = new Pool(endpoints([...Array.from({ length: 200_000 }, () => 0.001), 1_000_000]))
    expect(pool.next(() => 0)).toBeGreaterThanOrEqual(0)
    expect(pool.draw(() => 0.999)).toBe(200_000)
  })
})
