/** How often callers did something, and when last: few of them by name, however many there are. */

/** One caller as it is counted. */
export interface CallerCount {
  readonly caller: string
  readonly calls: number
  /** By the mesh's clock. */
  readonly lastAt: number
}

// As many as somebody reads. Beyond that, new ones are counted together until one of these was silent for an hour: addresses of instances that
// were replaced must not keep the names of today's from being known.
const mostCallers = 100
const silentMs = 3_600_000
const other = 'other'

/** Counts by caller. */
export class CallerCounts {
  readonly #counts = new Map<string, { caller: string; calls: number; lastAt: number }>()

  /** @param caller a name, a SPIFFE ID or an address */
  add(caller: string, now: number): void {
    const count = this.#counts.get(caller) ?? this.#countOfNew(caller, now)
    count.calls++
    count.lastAt = now
  }

  /** In the order in which they came. */
  all(): Iterable<CallerCount> {
    return this.#counts.values()
  }

  #countOfNew(caller: string, now: number): { caller: string; calls: number; lastAt: number } {
    const key = this.#counts.size < mostCallers || this.#forgetSilent(now) ? caller : other
    const count = this.#counts.get(key) ?? { caller: key, calls: 0, lastAt: now }
    this.#counts.set(key, count)
    return count
  }

  // True where there is room for one more.
  #forgetSilent(now: number): boolean {
    for (const [key, { lastAt }] of this.#counts) {
      if (key === other || now - lastAt < silentMs) continue
      this.#counts.delete(key)
      return true
    }
    return false
  }
}
