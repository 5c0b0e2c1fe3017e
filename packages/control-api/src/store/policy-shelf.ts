/** The newest policies in memory, and those who want to hear of changes. */
import { type PolicyChange, StaleRevision, type StoredPolicy } from './policy-store.ts'

type Listener = (services: readonly string[]) => void

/** What every policy store reads from. It is changed only once the change cannot be lost any more. */
export class PolicyShelf {
  readonly #policies: Map<string, StoredPolicy>
  readonly #listeners = new Set<Listener>()
  #revision: number

  constructor(revision = 0, policies: Iterable<StoredPolicy> = []) {
    this.#revision = revision
    this.#policies = new Map([...policies].map((policy) => [policy.service, policy]))
  }

  get revision(): number {
    return this.#revision
  }

  get(service: string): StoredPolicy | null {
    return this.#policies.get(service) ?? null
  }

  all(): Iterable<StoredPolicy> {
    return this.#policies.values()
  }

  /** @throws StaleRevision, or TypeError for a list that is no single write */
  expect(changes: readonly PolicyChange[]): void {
    if (changes.length === 0) throw new TypeError('a write has at least one change')
    if (new Set(changes.map(({ service }) => service)).size < changes.length) throw new TypeError('a write changes a service once')
    for (const { service, expected } of changes) {
      const found = this.#policies.get(service)?.revision ?? 0
      if (expected !== undefined && expected !== found) throw new StaleRevision(service, expected, found)
    }
  }

  /** @throws RangeError where there was no such revision */
  expectRevision(revision: number): void {
    if (Number.isSafeInteger(revision) && revision >= 0 && revision <= this.#revision) return
    throw new RangeError(`there is no revision ${revision}; the newest is ${this.#revision}`)
  }

  /** Takes a write that is durable, and tells of it. */
  adopt(revision: number, changes: readonly PolicyChange[]): void {
    this.#revision = revision
    for (const { service, document } of changes) {
      if (document === null) this.#policies.delete(service)
      else this.#policies.set(service, { service, document, revision })
    }
    const services = changes.map(({ service }) => service)
    for (const listener of [...this.#listeners]) listener(services)
  }

  subscribe(listener: Listener): () => void {
    // Wrapped, so that the same function given twice is two subscriptions.
    const own: Listener = (services) => listener(services)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  forgetListeners(): void {
    this.#listeners.clear()
  }
}
