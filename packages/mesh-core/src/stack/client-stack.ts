/** The contents page of an outbound call: every layer in the order in which a request travels, each with the reason for its place. */
import { balance } from '../balance/balance.ts'
import { leastLoaded, type Pick, roundRobin } from '../balance/pick.ts'
import { VersionPools } from '../balance/version-pools.ts'
import { breaker } from '../breaker/breaker.ts'
import { attemptTimeout } from '../deadline/attempt-timeout.ts'
import { deadline } from '../deadline/deadline.ts'
import { fault } from '../fault/fault.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import { type Layer, type Send, stack } from '../kernel/layer.ts'
import type { TracerSource } from '../kernel/span.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'
import { limit } from '../limit/limit.ts'
import { rateLimit } from '../limit/rate-limit.ts'
import { attemptSpan } from '../observe/attempt-span.ts'
import type { Meter } from '../observe/meter.ts'
import { observe } from '../observe/observe.ts'
import { outlier } from '../outlier/outlier.ts'
import type { BalancePolicy, EffectivePolicy } from '../policy/index.ts'
import { retry } from '../retry/retry.ts'
import { route } from '../route/route.ts'
import { Split } from '../route/split.ts'
import { waitForReady } from '../wait-for-ready/wait-for-ready.ts'
import type { StandingState } from './standing-state.ts'
import type { BottomSettings, Wire } from './wire.ts'

/** What every stack of a mesh stands on. */
export interface StackGround {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly random: Random
  readonly jitter: Random
  readonly meter: Meter
  readonly tracer: TracerSource
}

/** Where a stack stands. */
export interface StackPlace {
  readonly ground: StackGround
  readonly wire: Wire
  /** Looks whether discovery knows the service by now, and gives the `onward` of the stack in force; null, the default: this stack's own. */
  readonly onward?: () => Send | null
}

/** A policy compiled. */
export interface ClientStack {
  readonly send: Send
  /** Where a call goes on that has waited until the service was ready: below all that a call costs once. */
  readonly onward: Send
}

const picks: Readonly<Record<BalancePolicy, (random: Random) => Pick>> = {
  'least-loaded': leastLoaded,
  'round-robin': roundRobin,
}

/** Compiles a policy into what carries calls of one service over one wire. */
export function clientStack(policy: EffectivePolicy, state: StandingState, on: StackPlace): ClientStack {
  const { ground, wire, onward: newest = () => null } = on
  const { clock, wheel, random, jitter } = ground
  const { service, codes, connections, stream } = policy
  const settings: BottomSettings = { service, codes, connections, stream, mtls: policy.access.mtls }
  // The length of a stream is a deadline like any other, and binds while it waits; its silence is for the bottom to hear.
  const timeoutMs = stream === null ? policy.timeoutMs : stream.totalMs
  const oncePerCall: readonly (Layer | null)[] = [
    // Outermost: measures what the caller felt, waiting and retries included.
    observe({
      direction: 'outbound',
      protocol: wire.name,
      cell: ground.meter.call('outbound', wire.name, service),
      tracer: ground.tracer,
    }),
    // Above every wait below it.
    deadline({ clock, wheel, timeoutMs }),
    // The cheapest refusal first.
    policy.outboundRate === null ? null : rateLimit(state.bucket),
    // One place for the whole call, so that a retry is not starved by new calls. Counts also where nothing bounds it.
    limit(state.gate),
    // Below whatever a call costs once, a place included; above the breaker, since an open one is among the things that are waited for.
    waitForReady({ clock, wheel, random, onward: newest }),
  ]
  const afterTheWait: readonly (Layer | null)[] = [
    // Once per call, so that every attempt goes to the same version; below the wait, for the policy that names versions may come with the service.
    policy.to === null ? null : route(new Split(policy.to, random)),
    // Counts whole calls to a destination; when it is open, nothing below costs anything.
    policy.breaker === null ? null : breaker(clock, state.circuitOf),
    // Everything below happens once per attempt.
    retry({ policy: policy.retry, budget: state.budget, clock, wheel, jitter, exactPushback: wire.exactPushback === true }),
    // Each attempt draws anew, avoids the endpoint that just failed, and asks whether it admits.
    balance({
      endpoints: state.endpoints,
      pools: new VersionPools(state.endpoints, policy, state.zone),
      random,
      pick: picks[policy.balance](random),
      clock,
      attempts: ground.meter.attempt(wire.name, service),
    }),
    // Below balance, for it must know which endpoint answered; above attemptTimeout, so that a late answer counts against that endpoint.
    policy.outlier === null ? null : outlier(),
    // Its id goes on the wire.
    attemptSpan(),
    // The wire only, not the waiting.
    policy.attemptTimeoutMs === Number.POSITIVE_INFINITY ? null : attemptTimeout(wheel, policy.attemptTimeoutMs),
    // Innermost: retries, timeouts and breakers above must believe an injected fault.
    policy.outboundFault === null
      ? null
      : fault({ policy: policy.outboundFault, clock, wheel, random, answer: (call, status) => wire.answer(call, status, codes) }),
  ]
  const onward = stack(afterTheWait, wire.bottom(settings))
  return { send: stack(oncePerCall, onward), onward }
}
