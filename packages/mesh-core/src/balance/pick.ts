/** Chooses an endpoint for an attempt among those that admit it, away from those that have just failed the call. */
import type { Call } from '../kernel/call.ts'
import type { Random } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Pool } from './pool.ts'

/** Chooses an endpoint; null where none admits the call. */
export type Pick = (pool: Pool, call: Call, now: number) => Endpoint | null

// Draws before the whole pool is searched. With half of it out, eight draws miss once in 256 times.
const draws = 8

/** The less busy of two drawn at random, by attempts under way per weight. */
export function leastLoaded(random: Random): Pick {
  return (pool, call, now) => {
    const { endpoints } = pool
    if (endpoints.length === 0) return null
    let best: Endpoint | null = null
    for (let drawn = 0; drawn < draws; drawn++) {
      const endpoint = endpoints[pool.draw(random)] as Endpoint
      if (endpoint === best || hasFailed(call, endpoint) || !(pool.panics || endpoint.admits(now))) continue
      if (now < pool.warmAt && random() >= pool.warmth(endpoint, now)) continue
      if (best === null) {
        best = endpoint
        // The only one there is needs no second opinion.
        if (endpoints.length === 1) break
      } else return busyness(best, pool, now) > busyness(endpoint, pool, now) ? endpoint : best
    }
    return best ?? search(pool, Math.floor(random() * endpoints.length), { call, now })
  }
}

/** One after the other, by weight. */
export function roundRobin(random: Random): Pick {
  return (pool, call, now) => {
    const { endpoints } = pool
    if (endpoints.length === 0) return null
    for (let turns = 0; turns < draws; turns++) {
      const endpoint = endpoints[pool.next(random)] as Endpoint
      if (!(pool.panics || endpoint.admits(now)) || hasFailed(call, endpoint)) continue
      // A turn of a new endpoint is passed on as often as its weight asks, so that the shares come out as with that weight.
      if (now >= pool.warmAt || random() < pool.warmth(endpoint, now)) return endpoint
    }
    return search(pool, pool.next(random), { call, now })
  }
}

function busyness(endpoint: Endpoint, pool: Pool, now: number): number {
  return endpoint.inFlight / (endpoint.weight * pool.warmth(endpoint, now))
}

function hasFailed(call: Call, endpoint: Endpoint): boolean {
  return call.tried?.includes(endpoint) === true
}

// From a position of its own for each pick, so that the endpoint after a gap does not get the gap's share as well.
function search(pool: Pool, from: number, wanted: { call: Call; now: number }): Endpoint | null {
  const { endpoints } = pool
  let tried: Endpoint | null = null
  for (let step = 0; step < endpoints.length; step++) {
    const endpoint = endpoints[(from + step) % endpoints.length] as Endpoint
    if (!pool.panics && !endpoint.admits(wanted.now)) continue
    if (!hasFailed(wanted.call, endpoint)) return endpoint
    // Better one that has failed this call than none.
    tried ??= endpoint
  }
  return tried
}
