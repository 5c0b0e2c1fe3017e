import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { Outcome } from '../kernel/outcome.ts'
import { type VerdictName, verdicts } from '../kernel/verdict.ts'
import { Ejection, type EjectionBounds } from './ejection.ts'
import { Ejections } from './ejections.ts'

const bounds: EjectionBounds = { consecutiveFailures: 3, successRate: null, ejectForMs: 1000, maxEjected: 0.5 }

function endpointAt(n: number): Endpoint {
  return new Endpoint('s', { address: `10.0.0.${n}:80`, labels: {}, zone: '', weight: 1 })
}

function outcomeOf(endpoint: Endpoint, verdict: VerdictName, at: number): Outcome {
  const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.endpoint = endpoint
  const answer = { reply: null, error: null, code: '', at, retryAfterMs: -1, staleConnection: false, open: false } as const
  return new Outcome(call, verdicts[verdict], answer)
}

function fleet(size: number, over: Partial<EjectionBounds> = {}) {
  let now = 0
  const clock = { now: () => now, setTimer: () => ({ cancel: () => {}, keepAlive: () => {} }), exact: true }
  const endpoints = Array.from({ length: size }, (_, n) => endpointAt(n))
  const moves: string[] = []
  const ejections = new Ejections({
    clock,
    size: () => endpoints.length,
    moved: (endpoint, state, reason) => moves.push(`${endpoint.address} ${state}: ${reason}`),
  })
  ejections.tune({ ...bounds, ...over }, endpoints)
  const guard = (n: number): Ejection => endpoints[n]?.guard as Ejection
  const run = (n: number, verdict: VerdictName, times = 1): void => {
    for (let turn = 0; turn < times; turn++) {
      const epoch = guard(n).enter(now)
      guard(n).settled(outcomeOf(endpoints[n] as Endpoint, verdict, now), verdicts[verdict], epoch)
    }
  }
  const wait = (ms: number): void => {
    now += ms
  }
  return { endpoints, ejections, guard, run, wait, moves, now: () => now }
}

describe('an endpoint', () => {
  test('goes out after so many failures in a row, and back when its one probe succeeds', () => {
    const { run, guard, wait, moves, ejections, now } = fleet(4)
    run(0, 'fault', 2)
    run(0, 'ok')
    run(0, 'fault', 2)
    expect(guard(0).admits(now())).toBe(true)
    run(0, 'late')
    expect([guard(0).admits(now()), ejections.out, guard(0).state]).toEqual([false, 1, 'out: 3 failures in a row'])
    wait(1000)
    expect(guard(0).admits(now())).toBe(true)
    const probe = guard(0).enter(now())
    expect([guard(0).isProbe(probe), guard(0).admits(now()), ejections.out]).toEqual([true, false, 1])
    guard(0).settled(outcomeOf(endpointAt(0), 'ok', now()), verdicts.ok, probe)
    expect([guard(0).state, ejections.out]).toEqual(['in', 0])
    expect(moves.map((move) => move.split(' ')[1])).toEqual(['ejected:', 'probing:', 'back:'])
  })

  test('stays out longer each time its probe fails, up to five minutes', () => {
    const { run, guard, wait, now } = fleet(4, { ejectForMs: 200_000 })
    run(0, 'fault', 3)
    for (const ms of [200_000, 300_000, 300_000]) {
      wait(ms - 1)
      expect(guard(0).admits(now())).toBe(false)
      wait(1)
      expect(guard(0).admits(now())).toBe(true)
      run(0, 'fault')
    }
  })

  test('begins with the first length again after a good time', () => {
    const { run, guard, wait, now } = fleet(4)
    run(0, 'fault', 3)
    wait(1000)
    run(0, 'fault')
    wait(2000)
    run(0, 'ok')
    wait(3001)
    run(0, 'fault', 3)
    wait(1000)
    expect(guard(0).admits(now())).toBe(true)
  })

  test('gives the place of its probe to the next call when the prober leaves', () => {
    const { run, guard, wait, now, ejections } = fleet(4)
    run(0, 'fault', 3)
    wait(1000)
    run(0, 'cancelled')
    expect([guard(0).admits(now()), ejections.out]).toEqual([true, 1])
    run(0, 'ok')
    expect([guard(0).state, ejections.out]).toEqual(['in', 0])
  })

  test('is back at once where other evidence says that it is well, also while it is probed', () => {
    const { run, guard, wait, moves, ejections, now } = fleet(4)
    guard(0).pardon('its check passes')
    expect([moves, ejections.out]).toEqual([[], 0])
    run(0, 'fault', 3)
    guard(0).pardon('its check passes')
    expect([guard(0).admits(now()), ejections.out, moves.at(-1)]).toEqual([true, 0, '10.0.0.0:80 back: its check passes'])
    run(0, 'fault', 3)
    wait(5000)
    const probe = guard(0).enter(now())
    guard(0).pardon('its check passes')
    guard(0).settled(outcomeOf(endpointAt(0), 'fault', now()), verdicts.fault, probe)
    expect([guard(0).out, ejections.out]).toEqual([false, 0])
  })

  test('ignores attempts that began before it went out, and those that go there in a panic', () => {
    const { run, guard, wait, now } = fleet(4)
    const early = guard(0).enter(now())
    run(0, 'fault', 3)
    guard(0).settled(outcomeOf(endpointAt(0), 'ok', now()), verdicts.ok, early)
    const inPanic = guard(0).enter(now())
    guard(0).settled(outcomeOf(endpointAt(0), 'ok', now()), verdicts.ok, inPanic)
    expect(guard(0).out).toBe(true)
    wait(1000)
    guard(0).enter(now())
    const beside = guard(0).enter(now())
    guard(0).settled(outcomeOf(endpointAt(0), 'fault', now()), verdicts.fault, beside)
    expect(guard(0).state).toMatch(/^probing/)
  })

  test('is out from the moment of the evidence, not from the head of a body that broke later', () => {
    const { endpoints, guard, wait, now } = fleet(4, { consecutiveFailures: 1 })
    const epoch = guard(0).enter(0)
    wait(5000)
    guard(0).settled(outcomeOf(endpoints[0] as Endpoint, 'ok', 0), verdicts.broken, epoch)
    expect(guard(0).admits(now() + 999)).toBe(false)
    expect(guard(0).admits(now() + 1000)).toBe(true)
  })

  test('comes back as soon as a new policy says, counted from its ejection', () => {
    const { endpoints, ejections, run, guard, wait, now } = fleet(4, { ejectForMs: 30_000 })
    run(0, 'fault', 3)
    wait(3000)
    ejections.tune({ ...bounds, ejectForMs: 3000 }, endpoints)
    expect(guard(0).admits(now())).toBe(true)
  })
})

describe('the share of endpoints that may be out', () => {
  test.each([
    [1, 0.5, 0],
    [2, 0.5, 1],
    [2, 0.1, 1],
    [3, 0.5, 1],
    [10, 0.5, 5],
    [10, 0.99, 9],
    [100, 0.29, 29],
    [1, 1, 1],
    [4, 1, 4],
    [10, 0, 0],
    [0, 0.5, 0],
  ])('of %i endpoints with maxEjected %f is %i', (size, maxEjected, most) => {
    expect(fleet(size, { maxEjected }).ejections.mostOut).toBe(most)
  })

  test('is never exceeded; the next failure counts once there is room', () => {
    const { run, guard, wait, ejections } = fleet(4)
    for (const n of [0, 1, 2]) run(n, 'fault', 5)
    expect([ejections.out, guard(2).out]).toEqual([2, false])
    wait(1000)
    run(0, 'ok')
    run(2, 'fault')
    expect([ejections.out, guard(2).out]).toEqual([2, true])
  })
})

describe('a policy', () => {
  test('that no longer ejects brings everybody back at once; one that does so again begins anew', () => {
    const { endpoints, ejections, run, moves } = fleet(4)
    run(0, 'fault', 3)
    const old = endpoints[0]?.guard as Ejection
    ejections.tune(null, endpoints)
    expect([ejections.out, endpoints[0]?.guard, moves.at(-1)]).toEqual([0, null, '10.0.0.0:80 back: the policy no longer ejects'])
    ejections.tune(bounds, endpoints)
    old.settled(outcomeOf(endpointAt(0), 'fault', 0), verdicts.fault, old.enter(0))
    expect([ejections.out, endpoints[0]?.guard instanceof Ejection && endpoints[0].guard.state]).toEqual([0, 'in'])
  })
})

const step = record({
  what: constantFrom('enter', 'enter', 'enter', 'settle', 'settle', 'settle', 'wait', 'leave', 'come', 'tune', 'off'),
  n: integer({ min: 0, max: 5 }),
  verdict: constantFrom<VerdictName>('ok', 'fault', 'fault', 'fault', 'late', 'cancelled', 'throttled'),
  maxEjected: constantFrom(0, 0.1, 0.5, 1),
})

test('however endpoints and policies come and go, what is counted as out is out, and never more than may be', () => {
  assert(
    property(array(step, { maxLength: 200 }), (steps) => {
      let now = 0
      const clock = { now: () => now, setTimer: () => ({ cancel: () => {}, keepAlive: () => {} }), exact: true }
      const present = new Map<number, Endpoint>()
      let inForce: EjectionBounds | null = { ...bounds, consecutiveFailures: 2 }
      const ejections: Ejections = new Ejections({
        clock,
        size: () => present.size,
        moved: (_endpoint, state) => {
          if (state === 'ejected') expect(ejections.out).toBeLessThanOrEqual(Math.max(allowed, ejections.mostOut))
        },
      })
      // A probe that fails keeps its place, also where the fleet has shrunk below what the policy lets out.
      let allowed = 0
      ejections.tune(inForce, [])
      const under: { guard: Ejection; endpoint: Endpoint; epoch: number }[] = []
      for (const { what, n, verdict, maxEjected } of steps) {
        allowed = ejections.out
        const endpoint = present.get(n)
        if (what === 'wait') now += 100 * (n + 1) ** 2
        else if (what === 'come' && endpoint === undefined) {
          const fresh = endpointAt(n)
          present.set(n, fresh)
          ejections.watch(fresh)
        } else if (what === 'leave' && endpoint !== undefined) {
          present.delete(n)
          ejections.unwatch(endpoint)
        } else if (what === 'tune') {
          inForce = { ...bounds, consecutiveFailures: 1 + (n % 3), maxEjected }
          ejections.tune(inForce, present.values())
        } else if (what === 'off') {
          inForce = null
          ejections.tune(null, present.values())
        } else if (what === 'enter' && endpoint?.guard instanceof Ejection) {
          const guard = endpoint.guard
          const probes = guard.out && guard.admits(now)
          const epoch = guard.enter(now)
          expect(guard.isProbe(epoch)).toBe(probes)
          under.push({ guard, endpoint, epoch })
        } else if (what === 'settle' && under.length > 0) {
          const [{ guard, endpoint: where, epoch }] = under.splice(n % under.length, 1) as [(typeof under)[0]]
          guard.settled(outcomeOf(where, verdict, now), verdicts[verdict], epoch)
        }
        const out = [...present.values()].filter(({ guard }) => guard?.out === true).length
        expect(ejections.out).toBe(out)
        expect([...present.values()].every(({ guard }) => (guard !== null) === (inForce !== null))).toBe(true)
      }
      for (const endpoint of present.values()) ejections.unwatch(endpoint)
      expect(ejections.out).toBe(0)
    }),
  )
})
