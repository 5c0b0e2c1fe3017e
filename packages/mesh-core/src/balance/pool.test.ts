import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { leastLoaded, roundRobin } from './pick.ts'
import { Pool } from './pool.ts'

const windowMs = 30_000

// One new endpoint among four old ones, all of the same weight.
function fleet(slowStartMs = windowMs) {
  const endpoints = [0, 1, 2, 3, 4].map((n) => new Endpoint('s', { address: `e${n}:1`, labels: {}, zone: '', weight: 2 }))
  const fresh = endpoints[2] as Endpoint
  fresh.freshSince = 1000
  const pool = new Pool(endpoints, slowStartMs)
  pool.count(0)
  return { endpoints, fresh, pool }
}

function newCall(): Call {
  return new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
}

describe.each([
  ['round robin', roundRobin],
  ['least loaded', leastLoaded],
])('slow start under %s', (_name, strategy) => {
  test.each([
    [0, 0.1],
    [windowMs / 20, 0.1],
    [windowMs / 4, 0.25],
    [windowMs / 2, 0.5],
    [windowMs, 1],
    [windowMs * 2, 1],
  ])('after %i ms a new endpoint has %f of its weight', (passedMs, part) => {
    const { fresh, pool } = fleet()
    const pick = strategy(seededRandom(5))
    const turns = 20_000
    let hits = 0
    for (let n = 0; n < turns; n++) if (pick(pool, newCall(), 1000 + passedMs) === fresh) hits++
    // Round robin passes a turn on to the next one, a draw is drawn anew: both come to the share of the weight.
    expect(Math.abs(hits / turns - part / (4 + part))).toBeLessThan(0.012)
  })

  test('does not hold back where all are new, nor the only one', () => {
    const { endpoints } = fleet()
    for (const endpoint of endpoints) endpoint.freshSince = 1000
    const pick = strategy(seededRandom(3))
    const pool = new Pool(endpoints, windowMs)
    pool.count(0)
    const picked = Array.from({ length: 2000 }, () => pick(pool, newCall(), 1000))
    for (const endpoint of endpoints) expect(picked.filter((one) => one === endpoint).length).toBeGreaterThan(300)
    const alone = new Pool(endpoints.slice(0, 1), windowMs)
    alone.count(0)
    expect(pick(alone, newCall(), 1000)).toBe(endpoints[0])
  })
})

describe('slow start', () => {
  test('is none without a window', () => {
    const { fresh, pool } = fleet(0)
    expect(pool.warmth(fresh, 1000)).toBe(1)
  })

  test('counts what is under way by the weight that an endpoint has for now', () => {
    const { endpoints, fresh, pool } = fleet()
    const busy = endpoints[0] as Endpoint
    for (const endpoint of endpoints) endpoint.inFlight = 4
    fresh.inFlight = 1
    busy.inFlight = 5
    const pick = leastLoaded(seededRandom(9))
    // At a tenth of its weight one call is as much as ten elsewhere.
    const picked = Array.from({ length: 2000 }, () => pick(pool, newCall(), 1000))
    expect(picked.filter((endpoint) => endpoint === fresh).length).toBeLessThan(20)
  })
})
