/** Who was turned away in the handshake, counted by reason, and said to the log no more often than somebody can read. */
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { SpacedLog } from '../kernel/spaced-log.ts'

// The reasons are words of the mesh's own; the bound holds against a wire that makes them up.
const mostReasons = 64
const other = 'other'

/** One per mesh. */
export class RefusedPeers {
  readonly counts = new Map<string, number>()
  readonly #log: SpacedLog

  constructor(clock: Clock, log: Log) {
    this.#log = new SpacedLog(log, clock)
  }

  /** Counts one; at most one line a second for each reason says it, and how many went unsaid before. */
  add(reason: string, sentence: string): void {
    const key = this.counts.has(reason) || this.counts.size < mostReasons ? reason : other
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
    this.#log.warn(key, () => `a peer was turned away: ${sentence}`)
  }
}
