/** The services that a mesh knows, each with its standing state and the stacks compiled for it. */
import type { Discovery } from '../kernel/discovery.ts'
import type { Send } from '../kernel/layer.ts'
import { refusal } from '../kernel/outcome.ts'
import type { EffectivePolicy } from '../policy/index.ts'
import { type ClientStack, clientStack, type StackGround } from '../stack/client-stack.ts'
import type { Destination } from '../stack/destination.ts'
import { StandingState, type StateListener } from '../stack/standing-state.ts'
import type { Wire } from '../stack/wire.ts'
import type { PolicyInForce } from './policy-in-force.ts'

/** One service as its callers in this process know it. */
export interface KnownService {
  readonly service: string
  readonly state: StandingState
  policy: EffectivePolicy
  /** False for one that calls wait for, and that nobody has known yet. */
  wasFound: boolean
  /** By the name of the wire. */
  readonly destinations: Map<string, { readonly wire: Wire; readonly destination: Destination }>
}

export interface ServiceTableOptions {
  readonly ground: StackGround
  readonly discovery: Discovery | null
  /** The policies in force at this moment. */
  readonly policies: () => PolicyInForce
  readonly listener: (service: string) => StateListener
  /** Where this process stands; '' for unknown. */
  readonly zone: string
}

// Fewer than this are never looked through.
const fewServices = 64
// Of services that were forgotten, so many names are remembered: a bound for a registry whose names never end.
const mostFormer = 10_000

/** Finds a service by its name, recompiles what it holds when the policy changes, and forgets what is gone for good. */
export class ServiceTable {
  readonly #options: ServiceTableOptions
  readonly #services = new Map<string, KnownService>()
  // Looked through when the table has doubled: a service that comes and goes costs two looks, however many there are.
  #lookThroughAt = fewServices
  readonly #former = new Set<string>()
  #closed = false

  constructor(options: ServiceTableOptions) {
    this.#options = options
  }

  /** The service of that name; null where neither discovery nor policy knows it. */
  find(service: string): KnownService | null {
    const known = this.#services.get(service)
    if (known === undefined) return this.#meet(service)
    // One without endpoints may have left discovery, or have come back to it as something new to follow.
    return known.state.endpoints.size > 0 || this.#follow(known) ? known : null
  }

  /** True for a service that was found once, known still or not. */
  knew(service: string): boolean {
    return this.#services.get(service)?.wasFound === true || this.#former.has(service)
  }

  /** The services met so far. */
  get met(): Iterable<KnownService> {
    return this.#services.values()
  }

  /** Where calls to a service over a wire go in. */
  destination(service: string, wire: Wire): Destination | null {
    const known = this.find(service)
    return known === null ? null : this.#destinationOf(known, wire)
  }

  /** The same for a call that waits until somebody knows the service: nobody need know it yet. */
  expected(service: string, wire: Wire): Destination {
    return this.#destinationOf(this.find(service) ?? this.#services.get(service) ?? this.#add(service, null, false), wire)
  }

  /**
   * Compiles every stack for the policies given and returns how to put all of them in force: nothing has changed before that is called,
   * and everything has when it returns.
   */
  prepare(policies: PolicyInForce): () => void {
    const prepared = [...this.#services.values()].map((known) => {
      const policy = policies.of(known.service)
      const stacks = [...known.destinations.values()].map(({ wire, destination }) => ({
        destination,
        made: this.#stackOf(known, policy, wire),
      }))
      return { known, policy, stacks }
    })
    return () => {
      for (const { known, policy, stacks } of prepared) {
        known.policy = policy
        for (const { destination, made } of stacks) {
          destination.send = made.send
          destination.onward = made.onward
          destination.revision = policies.revision
        }
      }
      // Only now that every service has its new stack: what is retuned here may be told to listeners.
      for (const { known, policy } of prepared) known.state.retune(policy)
    }
  }

  /** Forgets every service without endpoints that discovery no longer lists, that no policy names, and that no call is under way to. */
  forgetGone(): void {
    const { discovery, policies } = this.#options
    const gone = [...this.#services.values()].filter(({ service, state }) => {
      const { endpoints, gate } = state
      return endpoints.size === 0 && gate.inFlight === 0 && gate.queued === 0 && !policies().names(service)
    })
    if (gone.length === 0) return
    const listed = new Set(discovery?.services())
    for (const known of gone) if (!listed.has(known.service)) this.#forget(known)
  }

  close(): void {
    this.#closed = true
    for (const { state } of this.#services.values()) state.close()
  }

  #meet(service: string): KnownService | null {
    const { discovery, policies } = this.#options
    const watch = discovery?.watch(service) ?? null
    // A service that only a policy names is known too: a call that quietly passed by its policy would be worse than one that fails.
    return watch === null && !policies().names(service) ? null : this.#add(service, watch, true)
  }

  #add(service: string, watch: ReturnType<Discovery['watch']>, wasFound: boolean): KnownService {
    const { ground, policies, listener, zone } = this.#options
    if (this.#services.size >= this.#lookThroughAt) {
      this.forgetGone()
      this.#lookThroughAt = Math.max(fewServices, this.#services.size * 2)
    }
    const policy = policies().of(service)
    const { clock, wheel, random } = ground
    const known: KnownService = {
      service,
      state: new StandingState({ service, policy, clock, wheel, random, listener: listener(service), zone }),
      policy,
      wasFound,
      destinations: new Map(),
    }
    // In the table before it follows: who is told of its first endpoints may ask for it.
    this.#services.set(service, known)
    // A call to a service that a closed mesh meets for the first time must be refused, not pass the mesh by.
    if (this.#closed) known.state.close()
    else known.state.endpoints.follow(watch)
    return known
  }

  #destinationOf(known: KnownService, wire: Wire): Destination {
    const { service, state, destinations } = known
    let entry = destinations.get(wire.name)
    if (entry === undefined) {
      const made = this.#stackOf(known, known.policy, wire)
      entry = { wire, destination: { service, ...made, revision: this.#options.policies().revision } }
      destinations.set(wire.name, entry)
      state.calledOver(wire)
    }
    return entry.destination
  }

  #stackOf({ service, state, destinations }: KnownService, policy: EffectivePolicy, wire: Wire): ClientStack {
    const onward = (): Send | null => {
      this.find(service)
      return destinations.get(wire.name)?.destination.onward ?? null
    }
    return clientStack(policy, state, { ground: this.#options.ground, wire, onward })
  }

  #follow(known: KnownService): boolean {
    const { discovery, policies } = this.#options
    const watch = discovery?.watch(known.service) ?? null
    if (watch === null && !policies().names(known.service)) return false
    known.wasFound = true
    known.state.endpoints.follow(watch)
    return true
  }

  #forget({ service, state, wasFound, destinations }: KnownService): void {
    const { clock, meter } = this.#options.ground
    this.#services.delete(service)
    this.#former.delete(service)
    if (wasFound) this.#former.add(service)
    if (this.#former.size > mostFormer) this.#former.delete(this.#former.values().next().value as string)
    meter.forget(service)
    state.forget()
    for (const { wire, destination } of destinations.values()) {
      // A door may hold it still, and the service may come back: then it leads to where the service is now.
      destination.send = (call) => {
        const now = this.destination(service, wire)
        if (now === null) return Promise.resolve(refusal(call, 'NO_ENDPOINT', clock.now()))
        destination.revision = now.revision
        return now.send(call)
      }
    }
  }
}
