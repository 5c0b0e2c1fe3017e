/** Who was turned away in the handshake, counted by reason, and said to the log no more often than somebody can read. */
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'

// The reasons are words of the mesh's own; the bound holds against a wire that makes them up.
const mostReasons = 64
const other = 'other'
const quietMs = 1000

/** One per mesh. */
export class RefusedPeers {
  readonly counts = new Map<string, number>()
  readonly #clock: Clock
  readonly #log: Log
  readonly #lines = new Map<string, { at: number; unsaid: number }>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Counts one; at most one line a second for each reason says it, and how many went unsaid before. */
  add(reason: string, sentence: string): void {
    const key = this.counts.has(reason) || this.counts.size < mostReasons ? reason : other
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
    const now = this.#clock.now()
    const line = this.#lines.get(key)
    if (line !== undefined && now - line.at < quietMs) {
      line.unsaid++
      return
    }
    const before = line === undefined || line.unsaid === 0 ? '' : ` (and ${line.unsaid} more since the last line)`
    this.#lines.set(key, { at: now, unsaid: 0 })
    this.#log.warn(`a peer was turned away: ${sentence}${before}`)
  }
}
