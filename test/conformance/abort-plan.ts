/** Random worlds in which callers leave at random moments. */
import fc from 'fast-check'
import type { Behaviour, CallSpec, Case, Upstream } from './case.ts'
import { act, answers, cut, ok, read, refuses, replace, silent } from './words.ts'

/** When something happens: at a time, or when the service gets its nth call, and then so many turns of the microtask queue later. */
export interface Moment {
  readonly atMs: number
  /** 0 where `atMs` counts. */
  readonly arrival: number
  readonly hops: number
}

/** One call, when it begins, and when its caller leaves; null: never. */
export interface PlannedCall {
  readonly spec: CallSpec
  readonly startsMs: number
  readonly leaves: Moment | null
}

/** One world, and everything that happens in it. */
export interface AbortPlan {
  readonly policy: Case['policy']
  readonly upstream: Upstream
  /** The instance that is dead from the beginning; -1 for none. */
  readonly dead: number
  readonly calls: readonly PlannedCall[]
  /** Time that the inbound request has; 0: no bound. */
  readonly leftMs: number
  /** When the inbound caller hangs up; null: never. */
  readonly hangsUp: Moment | null
  /** When the mesh is closed; null: once all is over. */
  readonly closes: Moment | null
  readonly seed: number
}

const moment: fc.Arbitrary<Moment> = fc.record({
  atMs: fc.integer({ min: 0, max: 90 }),
  arrival: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 8 }) }),
  hops: fc.integer({ min: 0, max: 60 }),
})

function maybe<T>(arbitrary: fc.Arbitrary<T>, share = 0.5): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, { nil: null, freq: share >= 0.5 ? 1 : Math.round(share * 10) })
}

const behaviours: readonly Behaviour[] = [
  ok,
  answers('ok', { afterMs: 20 }),
  answers('ok', { pieces: 6, everyMs: 10 }),
  answers('ok', { pieces: 2, everyMs: 1000 }),
  answers('unavailable'),
  answers('unavailable', { afterMs: 10 }),
  answers('fault', { pieces: 5, everyMs: 8 }),
  answers('throttled'),
  answers('rejected'),
  silent,
  refuses,
  cut('head'),
  cut('head', { afterMs: 15 }),
  cut('mid-head'),
  cut('body', { pieces: 3 }),
]

const time: fc.Arbitrary<Case['policy']> = fc.oneof(
  fc.record({ timeout: fc.constantFrom(40, 100, 250) }),
  fc.record({ timeout: fc.constantFrom(100, 250), attemptTimeout: fc.constantFrom(15, 40) }),
  fc.constant({ stream: { idle: 40, total: 150 } }),
)

const everything = ['unreached', 'unavailable', 'throttled', 'fault', 'late', 'broken'] as const

/** Sections, each there or not. */
const sections: fc.Arbitrary<Case['policy']> = fc
  .record({
    retry: maybe(
      fc.record({
        attempts: fc.integer({ min: 1, max: 4 }),
        on: fc.constant([...everything]),
        backoff: fc.constantFrom({ base: 0, cap: 0 }, { base: 10, cap: 20 }),
      }),
    ),
    breaker: maybe(fc.record({ consecutiveFailures: fc.integer({ min: 1, max: 3 }), openFor: fc.constant(20) })),
    outlier: maybe(
      fc.record({
        consecutiveFailures: fc.integer({ min: 1, max: 2 }),
        ejectFor: fc.constant(15),
        maxEjected: fc.constantFrom(0.5, 1),
        panic: fc.constantFrom(0, 0.5),
      }),
    ),
    limit: maybe(
      fc.record({
        outbound: fc.record({
          inFlight: fc.integer({ min: 1, max: 2 }),
          queue: fc.integer({ min: 0, max: 3 }),
          queueFor: fc.constantFrom(15, 500),
        }),
      }),
    ),
    rateLimit: maybe(fc.constant({ outbound: { perSecond: 50, burst: 4 } }), 0.2),
    fault: maybe(
      fc.constantFrom({ outbound: { delay: { for: 12, ratio: 0.5 } } }, { outbound: { abort: { status: 503, ratio: 0.3 } } }),
      0.3,
    ),
    connections: maybe(fc.constant({ max: 1 }), 0.3),
    balance: maybe(fc.constantFrom('round-robin' as const, 'least-loaded' as const)),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, section]) => section !== null)))

const spec: fc.Arbitrary<CallSpec> = fc
  .record({
    kind: fc.constantFrom(read, replace, act),
    body: fc.constantFrom('whole' as const, 'stream' as const, 'long-stream' as const),
    timeoutMs: fc.constantFrom(0, 0, 25),
    once: fc.constantFrom(false, false, false, true),
    under: fc.constantFrom('', 'in'),
  })
  .map(({ kind, body, ...rest }) => kind(kind === read ? rest : { ...rest, body }))

/** Any world. */
export const abortPlan: fc.Arbitrary<AbortPlan> = fc
  .record({
    time,
    sections,
    instances: fc.integer({ min: 1, max: 3 }),
    does: fc.array(fc.constantFrom(...behaviours), { minLength: 1, maxLength: 8 }),
    dead: fc.integer({ min: -4, max: 2 }),
    calls: fc.array(fc.record({ spec, startsMs: fc.constantFrom(0, 0, 0, 10, 40), leaves: maybe(moment) }), { minLength: 1, maxLength: 6 }),
    leftMs: fc.constantFrom(0, 60),
    hangsUp: maybe(moment, 0.3),
    closes: maybe(moment, 0.2),
    seed: fc.integer({ min: 1, max: 1_000_000 }),
  })
  .map(({ time: timing, sections: rest, instances, does, ...plan }) => ({
    ...plan,
    policy: { ...rest, ...timing },
    upstream: { instances, does },
  }))
