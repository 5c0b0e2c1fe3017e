/** What outlives a policy: the counters, tokens, circuits and endpoints of one service. */
import { EndpointSet } from '../balance/endpoint-set.ts'
import { Circuit, type CircuitCriteria, type CircuitState } from '../breaker/circuit.ts'
import { type CheckWay, HealthChecks } from '../health/health-checks.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'
import { Gate } from '../limit/gate.ts'
import { TokenBucket } from '../limit/token-bucket.ts'
import { Ejection } from '../outlier/ejection.ts'
import { Ejections } from '../outlier/ejections.ts'
import type { EffectivePolicy, HealthPolicy } from '../policy/index.ts'
import { RetryBudget } from '../retry/retry-budget.ts'
import type { Wire } from './wire.ts'

/** Told of the rare moves of a service's state. */
export interface StateListener {
  breaker(version: string, state: CircuitState, reason: string): void
  outlier(endpoint: string, state: 'ejected' | 'probing' | 'back', reason: string): void
  /** An endpoint's active check failed so often that it is out of balance, or passes again. */
  health(endpoint: string, healthy: boolean, reason: string): void
  endpoints(count: number): void
  /** Discovery told something that cannot be used. */
  problem(sentence: string): void
}

/** What a state is made of. */
export interface StandingStateOptions {
  readonly service: string
  readonly policy: EffectivePolicy
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Spreads the active checks. */
  readonly random: Random
  readonly listener: StateListener
  /** Where this process stands; '' or left out for unknown. */
  readonly zone?: string
}

const openNever: CircuitCriteria = { consecutiveFailures: 0, successRate: null, openForMs: 0 }

/** One service's standing state in one mesh, shared by every wire that calls it. It knows no endpoint before `endpoints.follow(…)`. */
export class StandingState {
  /** The caller's; '' for unknown. */
  readonly zone: string
  readonly gate: Gate
  readonly bucket = new TokenBucket()
  readonly budget: RetryBudget
  readonly endpoints: EndpointSet
  readonly ejections: Ejections
  readonly health: HealthChecks
  /** By version, '' for calls to none; one comes with the first call while the policy has a breaker. */
  readonly circuits = new Map<string, Circuit>()
  readonly #clock: Clock
  readonly #listener: StateListener
  #policy: EffectivePolicy
  readonly #wires = new Set<Wire>()

  constructor(options: StandingStateOptions) {
    const { clock, listener, policy } = options
    this.#clock = clock
    this.#listener = listener
    this.#policy = policy
    this.zone = options.zone ?? ''
    this.gate = new Gate(clock, options.wheel)
    this.budget = new RetryBudget(policy.retry)
    this.endpoints = new EndpointSet(options.service, {
      added: (endpoint) => {
        // Those of the first list are not new: it is this process that is.
        if (this.endpoints.known) endpoint.freshSince = clock.now()
        this.ejections.watch(endpoint)
      },
      removed: (endpoint) => {
        this.ejections.unwatch(endpoint)
        this.health.forget(endpoint)
      },
      changed: (count) => listener.endpoints(count),
      flawed: (problem) => listener.problem(problem),
    })
    this.ejections = new Ejections({
      clock,
      size: () => this.endpoints.size,
      moved: (endpoint, state, reason) => {
        this.endpoints.standing++
        listener.outlier(endpoint.address, state, reason)
      },
    })
    this.health = new HealthChecks({
      clock,
      random: options.random,
      endpoints: () => this.endpoints.all,
      passed: (endpoint, answered) => {
        if (endpoint.reached()) this.endpoints.standing++
        // Taking connections is no excuse for what was answered over them.
        if (answered && endpoint.guard instanceof Ejection) endpoint.guard.pardon('its check passes')
      },
      moved: (endpoint, reason) => {
        this.endpoints.standing++
        listener.health(endpoint.address, endpoint.healthy, reason)
      },
    })
    this.retune(policy)
  }

  /** The service is called over `wire` from now on: whoever is called is checked, over the first wire that can. */
  calledOver(wire: Wire): void {
    if (this.#wires.has(wire)) return
    this.#wires.add(wire)
    this.#tuneHealth()
  }

  /** Takes the thresholds of a new policy; counts, tokens, endpoints and connections stay. */
  retune(policy: EffectivePolicy): void {
    this.#policy = policy
    this.gate.tune(policy.outboundLimit)
    this.bucket.tune(policy.outboundRate, this.#clock.now())
    this.budget.tune(policy.retry)
    this.ejections.tune(policy.outlier, this.endpoints.all)
    this.#tuneHealth()
    for (const [version, circuit] of this.circuits) {
      // A breaker that a policy takes away comes back closed: what it knew is no longer true by then.
      if (policy.breaker !== null && this.#has(version)) circuit.tune(policy.breaker)
      else this.#drop(version, circuit)
    }
  }

  /** The circuit of one version, made at its first call. */
  readonly circuitOf = (version: string): Circuit => {
    const known = this.circuits.get(version)
    if (known !== undefined) return known
    const { breaker } = this.#policy
    // A call that outlived its policy, or its version: it gets a circuit of its own, which never opens and which nobody keeps.
    if (breaker === null || !this.#has(version)) return new Circuit(this.#clock, openNever, () => {})
    const circuit = new Circuit(this.#clock, breaker, (state, reason) => this.#listener.breaker(version, state, reason))
    this.circuits.set(version, circuit)
    return circuit
  }

  /**
   * The mesh has closed: lets the line in, lets go of every endpoint, and frees what the circuits hold. Calls under way end; none is
   * counted any more.
   */
  close(): void {
    this.endpoints.close()
    this.#bindNobody()
  }

  /** Nobody lists the service any more: the same, but a call that still comes here finds no endpoint rather than a closed mesh. */
  forget(): void {
    this.endpoints.follow(null)
    this.#bindNobody()
  }

  #bindNobody(): void {
    this.retune({ ...this.#policy, outboundLimit: null, outboundRate: null, breaker: null, outlier: null, health: null })
  }

  #tuneHealth(): void {
    const { health } = this.#policy
    this.health.tune(health, health === null ? null : this.#wayToCheck(health))
  }

  #wayToCheck(health: HealthPolicy): CheckWay | null {
    const { service, connections, access } = this.#policy
    // What a status means to callers is not what it means to a check.
    const settings = { service, codes: {}, connections, stream: null, mtls: access.mtls }
    for (const wire of this.#wires) {
      const way = wire.check?.(settings, health) ?? null
      if (way !== null) return way
    }
    return null
  }

  #has(version: string): boolean {
    return version === '' || Object.hasOwn(this.#policy.versions, version)
  }

  #drop(version: string, circuit: Circuit): void {
    this.circuits.delete(version)
    circuit.close()
  }
}
