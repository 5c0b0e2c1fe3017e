/** The authority as it is now: what the store holds, and what follows from it, told to those who listen when it changes. */
import type { TrustSection } from '@zerohop/mesh-core/policy'
import type { AuthorityStore, StoredAuthority } from '../store/authority-store.ts'
import { fingerprintOf } from './fingerprint.ts'
import { signingRootOf, trustOf } from './trust-of.ts'

/** A change is durable before anybody hears of it. */
export class HeldAuthority {
  readonly store: AuthorityStore
  readonly #listeners = new Set<() => void>()
  #stored: StoredAuthority
  #trust: TrustSection
  #fingerprint: string

  /** `store` holds an authority already. */
  constructor(store: AuthorityStore) {
    this.store = store
    this.#stored = store.load() as StoredAuthority
    this.#trust = trustOf(this.#stored)
    this.#fingerprint = fingerprintOf(signingRootOf(this.#stored).certificate)
  }

  get stored(): StoredAuthority {
    return this.#stored
  }

  /** The same object for as long as it says the same. */
  get trust(): TrustSection {
    return this.#trust
  }

  /** Of the root that signs. */
  get fingerprint(): string {
    return this.#fingerprint
  }

  /** Puts `next` in the place of what there is. Made of `stored` in the same tick: a job that was waited for may have been overtaken. */
  adopt(next: StoredAuthority): void {
    this.store.save(next, () => this.#saved(next))
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  forgetListeners(): void {
    this.#listeners.clear()
  }

  #saved(next: StoredAuthority): void {
    this.#stored = next
    const trust = trustOf(next)
    if (trust.hash !== this.#trust.hash) this.#trust = trust
    this.#fingerprint = fingerprintOf(signingRootOf(next).certificate)
    for (const listener of [...this.#listeners]) listener()
  }
}
