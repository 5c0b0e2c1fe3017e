/** The counters of one series of calls or attempts, in typed arrays. */
import type { Clock } from '../kernel/clock.ts'
import type { Outcome, Settler } from '../kernel/outcome.ts'
import { CANCELLED, OK, REJECTED, type Verdict, verdictIndex, verdictNames } from '../kernel/verdict.ts'
import { Latency } from './latency.ts'
import type { StatusTable } from './status-table.ts'

/** What sets one cell apart from the others, as labels show it. */
export interface CellLabels {
  readonly direction: 'inbound' | 'outbound'
  readonly protocol: string
  readonly service: string
  /** The version of an attempt; '' for a whole call, which may have seen none. */
  readonly version: string
}

/**
 * True where the service, or the mesh in its place, failed the caller: not for an answer, not for the caller's own fault, not where the
 * caller left.
 */
export function isFailure(verdict: Verdict): boolean {
  return (verdict & (OK | REJECTED | CANCELLED)) === 0
}

const width = verdictNames.length

/** Counts what it is told of; the two kinds below say how long each took. */
abstract class Cell implements Settler {
  readonly labels: CellLabels
  /** Durations of what was answered: `ok` and `rejected`. */
  readonly answered = new Latency()
  /**
   * Durations of what failed. Apart from the others, since an open breaker answers in microseconds and would make an outage look fast.
   * What the caller gave up is in neither: its duration says how patient the caller was.
   */
  readonly failed = new Latency()
  readonly #statuses: StatusTable
  // Row = number of the status, column = index of the verdict.
  #counts = new Float64Array(0)
  #lastStatus = ''
  #lastRow = -1

  constructor(labels: CellLabels, statuses: StatusTable) {
    this.labels = labels
    this.#statuses = statuses
  }

  abstract settled(outcome: Outcome, final: Verdict, startedAt: number): void

  protected count(outcome: Outcome, final: Verdict, ms: number): void {
    const at = this.#row(outcome) * width + verdictIndex(final)
    this.#counts[at] = (this.#counts[at] as number) + 1
    if (final === CANCELLED) return
    if (isFailure(final)) this.failed.add(ms)
    else this.answered.add(ms)
  }

  /** Every combination that has occurred, with how often. */
  *counts(): Generator<{ verdict: string; status: string; count: number }> {
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at] as number
      if (count === 0) continue
      yield { verdict: verdictNames[at % width] as string, status: this.#statuses.texts[Math.floor(at / width)] as string, count }
    }
  }

  #row(outcome: Outcome): number {
    const reply = outcome.reply
    const status = reply === null ? outcome.code : reply.status
    // Most answers have the status of the one before.
    if (status === this.#lastStatus && this.#lastRow >= 0) return this.#lastRow
    const row = reply === null ? this.#statuses.ofCode(status) : this.#statuses.ofReply(status)
    if (this.#counts.length < (row + 1) * width) {
      const grown = new Float64Array((row + 1) * width)
      grown.set(this.#counts)
      this.#counts = grown
    }
    this.#lastStatus = status
    this.#lastRow = row
    return row
  }
}

/** Counts whole calls, from their start to the last byte of the body. */
export class CallCell extends Cell {
  /** Attempts beyond the first. */
  retries = 0
  readonly #clock: Clock

  constructor(labels: CellLabels, statuses: StatusTable, clock: Clock) {
    super(labels, statuses)
    this.#clock = clock
  }

  settled(outcome: Outcome, final: Verdict, startedAt: number): void {
    if (outcome.attempt > 1) this.retries += outcome.attempt - 1
    this.count(outcome, final, this.#clock.now() - startedAt)
  }
}

/** Counts attempts, from their start to the head of the answer: how fast an endpoint is, whatever its bodies weigh. */
export class AttemptCell extends Cell {
  settled(outcome: Outcome, final: Verdict, startedAt: number): void {
    this.count(outcome, final, outcome.at - startedAt)
  }
}
