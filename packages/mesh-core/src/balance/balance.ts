/** Draws an endpoint for each attempt anew, and counts what is under way there. */
import type { Call, Waiting } from '../kernel/call.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Layer } from '../kernel/layer.ts'
import { ended, type Outcome, refusal, type Settler } from '../kernel/outcome.ts'
import { BROKEN, FAULT, OK, REJECTED, THROTTLED, UNAVAILABLE, UNREACHED } from '../kernel/verdict.ts'
import type { EndpointSet } from './endpoint-set.ts'
import type { Pick } from './pick.ts'
import type { VersionPools } from './version-pools.ts'
import type { ZonedPools } from './zoned-pools.ts'

export interface BalanceOptions {
  readonly endpoints: EndpointSet
  readonly pools: VersionPools
  readonly pick: Pick
  /** Draws the zone. */
  readonly random: Random
  readonly clock: Clock
  /** Who counts the attempts of a version; signed up with the time at which the attempt began. */
  readonly attempts: { of(version: string): Settler }
}

// The endpoint was there, whatever it answered.
const reached = OK | REJECTED | THROTTLED | UNAVAILABLE | FAULT | BROKEN

// The outcome knows its endpoint: one account serves all.
const account: Settler = {
  settled(outcome: Outcome): void {
    ;(outcome.endpoint as Endpoint).inFlight--
  },
}

/**
 * Writes `call.endpoint` and `call.attemptAt`. Asks each endpoint whether it admits, so that ejected ones get nothing but their probe. An
 * endpoint at which nobody listens is avoided under every policy: retries would cover for it, and use up their budget.
 */
export function balance(options: BalanceOptions): Layer {
  const { endpoints, pools, pick, random, clock, attempts } = options
  const choose = (from: ZonedPools, call: Call, now: number): Endpoint | null => {
    const pool = from.draw(random)
    const endpoint = pick(pool, call, now)
    // Nobody is left in that zone, or only who has failed this call.
    const isLast = pool === from.all || (endpoint !== null && call.tried?.includes(endpoint) !== true)
    return isLast ? endpoint : pick(from.all, call, now)
  }
  return (next) => async (call) => {
    // A call that is over is told of nothing any more: it would wait for ever.
    if (!endpoints.known && !call.isOver) await firstSnapshot(endpoints, call)
    const now = clock.now()
    if (call.isOver) return ended(call, now)
    const endpoint = choose(pools.of(call.version), call, now)
    call.endpoint = endpoint
    call.attemptAt = now
    if (endpoint === null) return refusal(call, endpoints.closed ? 'MESH_CLOSED' : 'NO_ENDPOINT', now)
    endpoint.enter(now)
    endpoint.inFlight++
    const outcome = await next(call)
    if (hasMoved(endpoint, outcome, clock)) endpoints.standing++
    outcome.whenSettled(account, 0)
    outcome.whenSettled(attempts.of(call.version), now)
    return outcome
  }
}

/** Counts connections that could not be made. True where the endpoint is avoided from now on, or no longer. */
function hasMoved(endpoint: Endpoint, outcome: Outcome, clock: Clock): boolean {
  if ((outcome.verdict & reached) !== 0) return endpoint.reached()
  // With a reply it was a peer who refused above its handler; a connection that died while it was idle was made once.
  if (outcome.verdict !== UNREACHED || outcome.reply !== null || outcome.staleConnection) return false
  // It was not even tried: this process had no identity to show.
  if (outcome.code === 'NO_IDENTITY') return false
  return endpoint.refused(clock.now())
}

function firstSnapshot(endpoints: EndpointSet, call: Call): Promise<void> {
  return new Promise((resolve) => {
    const stop = endpoints.whenKnown(() => {
      if (call.cancel === waiting) call.cancel = null
      resolve()
    })
    const waiting: Waiting = {
      cancelled() {
        stop()
        resolve()
      },
    }
    call.cancel = waiting
  })
}
