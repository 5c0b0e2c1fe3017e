/** Sends a call again where that is safe, wanted, earned and still of use. */
import { backoffMs } from '../kernel/backoff.ts'
import type { Call } from '../kernel/call.ts'
import { attemptRecord } from '../kernel/call-error.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Layer } from '../kernel/layer.ts'
import { ended, type Outcome } from '../kernel/outcome.ts'
import { pause } from '../kernel/pause.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'
import { isUnready } from '../kernel/unready.ts'
import { UNREACHED, verdictMask } from '../kernel/verdict.ts'
import type { RetryPolicy } from '../policy/index.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface RetryOptions {
  readonly policy: RetryPolicy
  readonly budget: RetryBudget
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Draws the pause within its bounds. */
  readonly jitter: Random
  /** True where the pause that a server asks for is the pause, and those after it begin anew; false where it is the least one. */
  readonly exactPushback: boolean
}

// Envoy's bound for times that a server asks to wait: a stream without a deadline must not hang on one server's word.
const longestWaitMs = 300_000

/** Writes `call.attempt`, `call.failures` and `call.tried`. Everything below happens once per attempt. */
export function retry(options: RetryOptions): Layer {
  const { budget, clock, exactPushback } = options
  const wanted = verdictMask(options.policy.on)
  return (next) => async (call) => {
    // Once for each call, however often it waits above.
    if (call.waited === 0) budget.deposit(call.startedAt)
    call.nextAttempt()
    let outcome = await next(call)
    if ((outcome.verdict & wanted) === 0 && !outcome.staleConnection) return outcome
    // Free of budget and of `attempts`, but once: the connection went as the attempt came, idle or taking no more streams, which is nobody's fault.
    if (outcome.staleConnection && isSafe(call, outcome) && !call.isOver) {
      note(call, outcome)
      // The other idle connections may be of the same age: on one of these the only free attempt would be lost as well.
      call.wantsFreshConnection = true
      call.nextAttempt()
      outcome = await next(call)
    }
    let pauses = 0
    for (let retries = 1; retries < options.policy.attempts; retries++) {
      if ((outcome.verdict & wanted) === 0 || !isSafe(call, outcome) || call.isOver) break
      // Whoever waits for a ready destination goes down again from above, free of budget and of `attempts`.
      if (call.waitsForReady && isUnready(outcome)) break
      const now = clock.now()
      const isExact = exactPushback && outcome.retryAfterMs >= 0
      pauses = isExact ? 0 : pauses + 1
      const waitMs = isExact ? outcome.retryAfterMs : Math.max(outcome.retryAfterMs, backoffMs(pauses, options.policy, options.jitter))
      // An attempt that begins when the call is over helps nobody: better the answer that is here.
      if (waitMs > longestWaitMs || now + waitMs >= call.deadlineAt || !budget.withdraw(now)) break
      note(call, outcome)
      if (waitMs > 0) {
        await pause(call, waitMs, options)
        if (call.isOver) return ended(call, clock.now())
      }
      call.nextAttempt()
      outcome = await next(call)
    }
    return outcome
  }
}

// Only a handler that certainly did not start makes it safe to repeat what is not idempotent.
function isSafe(call: Call, outcome: Outcome): boolean {
  return call.replayable && !call.once && (outcome.verdict === UNREACHED || call.idempotent)
}

function note(call: Call, outcome: Outcome): void {
  outcome.reply?.discard()
  call.failures ??= []
  call.failures.push(attemptRecord(outcome))
  // An endpoint that let a connection go is as good as any other.
  if (outcome.endpoint === null || outcome.staleConnection) return
  call.tried ??= []
  call.tried.push(outcome.endpoint)
}
