/** One call that a case has made. */
import { getEventListeners } from 'node:events'
import type { CallSpec } from './case.ts'
import { callerLeft, piece, type Seen } from './seen.ts'
import type { Caller } from './wire.ts'

/** A call under way, or over. */
export class PlacedCall {
  /** Null while it is under way. */
  seen: Seen | null = null
  /** How much later it began than its case says; what it waits for, begun before, is nearer by as much. */
  lateMs = 0
  readonly startedAt: number
  readonly #leaving = new AbortController()
  readonly #now: () => number

  constructor(caller: Caller, spec: CallSpec, now: () => number) {
    this.#now = now
    this.startedAt = now()
    void this.#run(caller, spec)
  }

  /** The caller leaves. */
  abort(): void {
    this.#leaving.abort(callerLeft)
  }

  /** Listeners that are left on the caller's signal. */
  get listeners(): number {
    return getEventListeners(this.#leaving.signal, 'abort').length
  }

  async #run(caller: Caller, spec: CallSpec): Promise<void> {
    const ended = await caller(spec, this.#leaving.signal)
    this.seen = { ...ended, tookMs: this.#now() - this.startedAt, pieces: ended.body.split(piece).length - 1 }
  }
}
