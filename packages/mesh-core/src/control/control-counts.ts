/** What the client of the control API counts, for metrics and `explain`. */
import type { FailureReason } from './control-failure.ts'
import type { FileFlaw } from './last-good.ts'

/** What became of a poll. `abandoned`: given up by this side, to ask for one service more. */
export type PollResult = 'changed' | 'unchanged' | 'failed' | 'abandoned'

/** Why something was refused and what was held before stays. */
export type RefusalReason = FailureReason | 'policy' | 'empty_store' | `file_${FileFlaw}`

/** One per mesh. */
export class ControlCounts {
  readonly polls = new Map<PollResult, number>()
  readonly failures = new Map<FailureReason, number>()
  readonly refusals = new Map<RefusalReason, number>()

  poll(result: PollResult): void {
    count(this.polls, result)
  }

  failed(reason: FailureReason): void {
    count(this.failures, reason)
  }

  refused(reason: RefusalReason): void {
    count(this.refusals, reason)
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
