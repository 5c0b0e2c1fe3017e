/** The section of a document that says whom to believe: the same for all, from the level of the schema that brought it. */
import type { TrustSection } from '@zerohop/mesh-core/policy'
import { Part } from './part.ts'

/** Whence the trust comes; an authority is one. */
export interface TrustSource {
  /** Another object whenever something of it changed. */
  readonly trust: TrustSection
  /** Told after changes. Returns how to leave. */
  subscribe(listener: () => void): () => void
}

/** Clients of an older level are not sent it. */
export const trustLevel = 4

/** The newest trust, written once for all. */
export class TrustPart {
  readonly #source: TrustSource
  readonly #leave: () => void
  #section: TrustSection
  #part: Part
  #at = 0

  /** @param onChange is called after a change; returns its index */
  constructor(source: TrustSource, onChange: () => number) {
    this.#source = source
    this.#section = source.trust
    this.#part = new Part(JSON.stringify(source.trust))
    this.#leave = source.subscribe(() => this.#look(onChange))
  }

  get hash(): string {
    return this.#section.hash
  }

  get part(): Part {
    return this.#part
  }

  /** The index of the last change; 0 for none in this run. */
  get at(): number {
    return this.#at
  }

  close(): void {
    this.#leave()
  }

  #look(onChange: () => number): void {
    const { trust } = this.#source
    // Sources tell of other changes too.
    if (trust.hash === this.#section.hash) return
    this.#section = trust
    this.#part = new Part(JSON.stringify(trust))
    this.#at = onChange()
  }
}
