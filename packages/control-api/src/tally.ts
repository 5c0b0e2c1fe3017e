/** How many of something there are, by a name; a name that has none costs nothing. */

/** Counts that never fall below none. */
export class Tally {
  readonly #counts: Map<string, number>

  constructor(counts: Iterable<readonly [name: string, count: number]> = []) {
    this.#counts = new Map(counts)
  }

  /** Those that have any. */
  get names(): Iterable<string> {
    return this.#counts.keys()
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** @param change negative for fewer */
  add(name: string, change: number): void {
    const count = this.of(name) + change
    if (count === 0) this.#counts.delete(name)
    else this.#counts.set(name, count)
  }
}
