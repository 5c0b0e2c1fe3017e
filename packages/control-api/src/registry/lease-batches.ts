/** Brings changes of leases to the store in batches: a thousand instances that start together are a few transactions. */
import type { Clock } from '../clock.ts'
import type { Lease, LeaseStore } from '../store/lease-store.ts'

// As much as a crash may lose; who registered within it is there again with its next renewal.
const gatherMs = 200

/** Renewals are no changes: a lease is written when it is taken, changed and ended. */
export class LeaseBatches {
  readonly #store: LeaseStore
  readonly #clock: Clock
  /** By service and instance; null ends it. */
  #waiting = new Map<string, Lease | null>()
  #timer: { cancel(): void } | null = null
  #failures = 0

  constructor(store: LeaseStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Batches that could not be saved, and were kept and tried again. */
  get failures(): number {
    return this.#failures
  }

  put(lease: Lease): void {
    this.#add(`${lease.service}/${lease.instance}`, lease)
  }

  drop(service: string, instance: string): void {
    this.#add(`${service}/${instance}`, null)
  }

  /** Saves what waits. False where the store failed: what waits is kept, and tried again. */
  flush(): boolean {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#waiting.size === 0) return true
    const put: Lease[] = []
    const drop: { service: string; instance: string }[] = []
    for (const [key, lease] of this.#waiting) {
      if (lease !== null) put.push(lease)
      else drop.push({ service: key.slice(0, key.indexOf('/')), instance: key.slice(key.indexOf('/') + 1) })
    }
    try {
      this.#store.save({ put, drop })
    } catch {
      // A full disk must not end discovery: leases live in memory, and the store is needed only for the next start.
      this.#failures += 1
      this.#schedule(50 * gatherMs)
      return false
    }
    this.#waiting = new Map()
    return true
  }

  #add(key: string, lease: Lease | null): void {
    this.#waiting.set(key, lease)
    if (this.#timer === null) this.#schedule(gatherMs)
  }

  #schedule(ms: number): void {
    this.#timer = this.#clock.setTimer(ms, () => this.flush())
  }
}
