/** What changed in one list of endpoints and when, as far back as it is worth to be known. */

/** Everything that happened to a list since some index. */
export interface ListChanges {
  /** The hash of the list as it was then. */
  readonly from: string
  /** The addresses that changed, each once. */
  readonly addresses: ReadonlySet<string>
}

interface Change {
  readonly index: number
  readonly address: string
  /** Of the list just before this change. */
  readonly hashBefore: string
}

/** A log takes this many changes at least, however short its list. */
const fewest = 64
const most = 20_000

/** The newest changes of one list, oldest first. */
export class ChangeLog {
  #changes: Change[] = []
  // Nothing is known of what lies at or before this index.
  #floor: number

  /** @param index from which on every change is told to the log */
  constructor(index: number) {
    this.#floor = index
  }

  get length(): number {
    return this.#changes.length
  }

  /**
   * Notes a change; indexes only grow.
   * @param listLength of the list after it: a log of more changes than twice that is longer than the list and of no use
   */
  note(change: Change, listLength: number): void {
    this.#changes.push(change)
    const capacity = Math.min(most, Math.max(fewest, 2 * listLength))
    // By halves, so that a full log is not moved by each change.
    if (this.#changes.length > 2 * capacity) this.#forget(this.#changes.length - capacity)
  }

  /** What happened after `index`; null where the log does not reach back so far, or where nothing happened. */
  since(index: number): ListChanges | null {
    if (index < this.#floor) return null
    const first = this.#firstAfter(index)
    const oldest = this.#changes[first]
    if (oldest === undefined) return null
    const addresses = new Set<string>()
    for (let at = first; at < this.#changes.length; at++) addresses.add((this.#changes[at] as Change).address)
    return { from: oldest.hashBefore, addresses }
  }

  #forget(count: number): void {
    this.#floor = (this.#changes[count - 1] as Change).index
    this.#changes = this.#changes.slice(count)
  }

  #firstAfter(index: number): number {
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#changes[middle] as Change).index <= index) low = middle + 1
      else high = middle
    }
    return low
  }
}
