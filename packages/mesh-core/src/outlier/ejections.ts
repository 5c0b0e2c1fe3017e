/** Which endpoints of a service are out of balance, within the bounds that a policy sets. */
import type { Clock } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { Ejection, type EjectionBounds, type EjectionListener, type Fleet } from './ejection.ts'

export interface EjectionsOptions {
  readonly clock: Clock
  /** How many endpoints the service has now. */
  readonly size: () => number
  readonly moved: EjectionListener
}

/** The ejections of one service. */
export class Ejections implements Fleet {
  out = 0
  readonly clock: Clock
  readonly moved: EjectionListener
  readonly #size: () => number
  #bounds: EjectionBounds | null = null

  constructor(options: EjectionsOptions) {
    this.clock = options.clock
    this.moved = options.moved
    this.#size = options.size
  }

  /** Takes new bounds; null ends all ejections. Counts of endpoints that are watched already stay. */
  tune(bounds: EjectionBounds | null, endpoints: Iterable<Endpoint>): void {
    this.#bounds = bounds
    for (const endpoint of endpoints) {
      if (bounds === null) {
        if (this.unwatch(endpoint)) this.moved(endpoint, 'back', 'the policy no longer ejects')
      } else if (endpoint.guard instanceof Ejection) endpoint.guard.tune(bounds)
      else this.watch(endpoint)
    }
  }

  /** Begins to watch an endpoint, where a policy asks for it. */
  watch(endpoint: Endpoint): void {
    if (this.#bounds !== null) endpoint.guard = new Ejection(this, endpoint, this.#bounds)
  }

  /** No longer watches an endpoint: it left, or the policy no longer asks. Returns whether it was out. */
  unwatch(endpoint: Endpoint): boolean {
    const guard = endpoint.guard
    if (!(guard instanceof Ejection)) return false
    endpoint.guard = null
    return guard.release()
  }

  /** How many may be out at once: rounded down, but one of two or more, and never the last one unless the policy says all. */
  get mostOut(): number {
    if (this.#bounds === null || this.#bounds.maxEjected === 0) return 0
    const size = this.#size()
    if (this.#bounds.maxEjected === 1) return size
    // The small addend: 100 * 0.29 is a little below 29.
    return Math.min(Math.max(Math.floor(size * this.#bounds.maxEjected + 1e-9), 1), Math.max(size - 1, 0))
  }

  get mayEject(): boolean {
    return this.out < this.mostOut
  }
}
