/** The index of documents: one step for each change, and never backwards, whatever ends the process. */
import type { MarkStore } from '../store/mark-store.ts'

// One durable write for so many changes. A restart skips what is left of a block: with 16 digits there is no lack of numbers.
const block = 10_000
const retryAfter = 100
const mark = 'documents'

/** Counts within one epoch. */
export class IndexCounter {
  readonly #marks: MarkStore
  #current: number
  #reserved: number
  /** The first index of this run: of what lies before it nothing is known any more. */
  readonly start: number

  constructor(marks: MarkStore) {
    this.#marks = marks
    this.#current = marks.get(mark)
    this.#reserved = this.#current
    this.start = this.next()
  }

  get current(): number {
    return this.#current
  }

  /** Takes one step. */
  next(): number {
    // Durable before it is used: what was told to a client should never be told again for something else.
    if (this.#current >= this.#reserved) this.#reserve()
    this.#current += 1
    return this.#current
  }

  #reserve(): void {
    this.#reserved += block
    try {
      this.#marks.raise(mark, this.#reserved)
    } catch {
      // A full disk must not hold up what is in memory. Should the process end before a later block is durable, clients that come back with
      // an index from beyond the start are unknown to the next one, and are sent whole documents.
      this.#reserved = this.#current + retryAfter
    }
  }
}
