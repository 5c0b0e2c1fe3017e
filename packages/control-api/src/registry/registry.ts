/** Who is there: the leases of all services, what ends them, and who hears of a change. */
import type { LeaseRequest } from '@zerohop/mesh-core/policy'
import type { Clock } from '../clock.ts'
import type { LeaseStore } from '../store/lease-store.ts'
import { LeaseBatches } from './lease-batches.ts'
import { type HeldLease, ServiceRoll } from './service-roll.ts'

/** What a registry stands on. */
export interface RegistryParts {
  readonly store: LeaseStore
  readonly clock: Clock
  /** How long a lease lasts after its last renewal. */
  readonly leaseMs: number
  /** The next index of the documents: each change of a list takes one. */
  readonly nextIndex: () => number
}

/** One more would be too many; the message says of what. */
export class RegistryFull extends Error {
  override readonly name = 'RegistryFull'
}

// How often leases are looked at, and so how late an end may be noticed.
const sweepMs = 1000

/** So many services and instances are far beyond one control API's work; more is a client that went mad. */
export const registryBounds = { services: 20_000, instancesOfService: 20_000, instances: 200_000 } as const
// What all endpoints of one service may have in a document, eight times what 10,000 have that say a version and a zone. Clients take a document of 64 MiB:
// a service that made its list longer would keep from its callers whatever else is new to them.
const mostBytesOfService = 8 * 1_048_576

/** Leases of instances, by service. */
export class Registry {
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #nextIndex: () => number
  readonly #batches: LeaseBatches
  readonly #rolls = new Map<string, ServiceRoll>()
  readonly #listeners = new Set<(service: string, changed: boolean) => void>()
  #size = 0
  // Milliseconds that this process has been listening. Leases run on this and not on the wall's time: what could not be heard while the
  // process stood still, or before it was started, must end no lease. And a wall that jumps ends none either.
  #listenedMs = 0
  #sweptAt: number
  #timer: { cancel(): void }

  constructor(parts: RegistryParts) {
    this.#clock = parts.clock
    this.#leaseMs = parts.leaseMs
    this.#nextIndex = parts.nextIndex
    this.#batches = new LeaseBatches(parts.store, parts.clock)
    // Loaded leases count as heard just now: for one lease time after a start nothing is removed.
    for (const { service, instance, endpoint, healthy } of parts.store.load()) {
      this.#put(service, { instance, endpoint, healthy, heardAt: 0 })
    }
    this.#sweptAt = this.#clock.now()
    this.#timer = this.#clock.setTimer(sweepMs, () => this.#sweep())
  }

  /** Instances that hold a lease. */
  get size(): number {
    return this.#size
  }

  /** Batches of leases that could not be saved at once. */
  get failedSaves(): number {
    return this.#batches.failures
  }

  /** Services of which at least one instance holds a lease. */
  services(): Iterable<string> {
    return this.#rolls.keys()
  }

  /** Undefined where no instance holds a lease. */
  roll(service: string): ServiceRoll | undefined {
    return this.#rolls.get(service)
  }

  /**
   * Takes or renews a lease.
   * @throws RegistryFull
   */
  renew(service: string, instance: string, request: LeaseRequest): void {
    const held = this.#rolls.get(service)?.get(instance)
    if (held !== undefined && isSame(held, request)) {
      held.heardAt = this.#listenedMs
      return
    }
    if (held === undefined) this.#mustTakeOneMore(service)
    const { healthy, ...endpoint } = request
    if ((this.#rolls.get(service)?.bytesWith(instance, endpoint) ?? 0) > mostBytesOfService) {
      throw new RegistryFull(`The instances of ${service} say more of themselves than ${mostBytesOfService} bytes hold: no more is taken.`)
    }
    this.#batches.put({ service, instance, endpoint, healthy, renewedAt: this.#clock.now() })
    const changed = this.#put(service, { instance, endpoint, healthy, heardAt: this.#listenedMs })
    this.#tell(service, changed)
  }

  /** Ends a lease; false where there was none. */
  release(service: string, instance: string): boolean {
    const roll = this.#rolls.get(service)
    if (roll?.get(instance) === undefined) return false
    this.#batches.drop(service, instance)
    const changed = roll.drop(instance)
    this.#size -= 1
    if (roll.size === 0) this.#rolls.delete(service)
    this.#tell(service, changed)
    return true
  }

  /** Calls `listener` after each change of a service's leases; `changed` says whether its list of endpoints is another. Returns how to stop. */
  subscribe(listener: (service: string, changed: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Saves what is not yet saved, and ends. */
  close(): void {
    this.#timer.cancel()
    this.#batches.flush()
  }

  #put(service: string, lease: HeldLease): boolean {
    let roll = this.#rolls.get(service)
    if (roll === undefined) {
      roll = new ServiceRoll(this.#nextIndex(), this.#nextIndex)
      this.#rolls.set(service, roll)
    }
    const before = roll.size
    const changed = roll.put(lease)
    this.#size += roll.size - before
    return changed
  }

  #mustTakeOneMore(service: string): void {
    const roll = this.#rolls.get(service)
    if (roll === undefined && this.#rolls.size >= registryBounds.services) {
      throw new RegistryFull(`${registryBounds.services} services hold leases: no other service is taken.`)
    }
    if (roll !== undefined && roll.size >= registryBounds.instancesOfService) {
      throw new RegistryFull(`${registryBounds.instancesOfService} instances of ${service} hold leases: no other is taken.`)
    }
    if (this.#size >= registryBounds.instances) {
      throw new RegistryFull(`${registryBounds.instances} instances hold leases: no other is taken.`)
    }
  }

  #sweep(): void {
    const now = this.#clock.now()
    this.#listenedMs += Math.min(Math.max(now - this.#sweptAt, 0), 2 * sweepMs)
    this.#sweptAt = now
    for (const [service, roll] of this.#rolls) {
      // A renewal is stamped with the time of the sweep before it: one sweep more, so that no lease is shorter than it was promised.
      for (const lease of roll.leases) if (this.#listenedMs - lease.heardAt > this.#leaseMs + sweepMs) this.release(service, lease.instance)
    }
    this.#timer = this.#clock.setTimer(sweepMs, () => this.#sweep())
  }

  #tell(service: string, changed: boolean): void {
    for (const listener of this.#listeners) listener(service, changed)
  }
}

/** A renewal that says what the last one said is the common case and costs no more than this. */
function isSame(held: HeldLease, { address, labels, zone, weight, healthy }: LeaseRequest): boolean {
  const { endpoint } = held
  if (endpoint.address !== address || endpoint.zone !== zone || endpoint.weight !== weight || held.healthy !== healthy) return false
  const keys = Object.keys(labels)
  return keys.length === Object.keys(endpoint.labels).length && keys.every((key) => endpoint.labels[key] === labels[key])
}
