/** Lets a call that asks for it wait until its destination is ready, and send nothing before: gRPC's wait for ready, for every wire. */
import type { Call } from '../kernel/call.ts'
import { attemptRecord } from '../kernel/call-error.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Layer, Send } from '../kernel/layer.ts'
import { errorTable } from '../kernel/mesh-error.ts'
import { ended, type Outcome, wholeOutcome } from '../kernel/outcome.ts'
import { pause } from '../kernel/pause.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'
import { isUnready } from '../kernel/unready.ts'
import { EXPIRED, UNREACHED } from '../kernel/verdict.ts'

export interface WaitForReadyOptions {
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Draws the pause within its bounds. */
  readonly random: Random
  /**
   * Looks whether discovery knows the service by now, and says where a call that has waited goes down: the way may have changed with the policy.
   * null: as before.
   */
  readonly onward: () => Send | null
}

// As soon as a retry would come; and so that whoever has waited long learns within a second that it need not.
const firstPauseMs = 25
const mostPauseMs = 1000
// What an error lists at most of a wait that lasts for hours.
const mostRecords = 100
// As `deadline` has it.
const hurriedShare = 0.1

/** Writes `call.waited`, `call.failures`, `call.tried` and `call.hurried`; takes back the version, and the number of an attempt that went nowhere. */
export function waitForReady(options: WaitForReadyOptions): Layer {
  return (next) => (call) => (call.waitsForReady ? sendWhenReady(call, next, options) : next(call))
}

async function sendWhenReady(call: Call, next: Send, options: WaitForReadyOptions): Promise<Outcome> {
  const { clock, random } = options
  let pauseMs = firstPauseMs
  let last: Outcome | null = null
  for (let send = next; ; send = options.onward() ?? next) {
    const outcome = await send(call)
    if (!isUnready(outcome) || !call.replayable) return last === null ? outcome : afterWait(call, outcome, last)
    last = outcome
    note(call, outcome)
    await pause(call, pauseMs * (0.5 + random() / 2), options)
    const now = clock.now()
    if (call.isOver) return afterWait(call, ended(call, now), outcome)
    pauseMs = Math.min(pauseMs * 2, mostPauseMs)
    call.waited++
    // The wait has used its time up: running out of the rest says nothing about the server.
    if (call.deadlineAt - now < (call.deadlineAt - call.startedAt) * hurriedShare) call.hurried = true
  }
}

function note(call: Call, outcome: Outcome): void {
  // Nothing of it has left: it may go to another version, as the policy in force by then says.
  call.version = ''
  if (outcome.code === 'NO_ENDPOINT') call.attempt = outcome.attempt - 1
  if (outcome.verdict !== UNREACHED) return
  call.failures ??= []
  if (call.failures.length === mostRecords) call.failures.shift()
  call.failures.push(attemptRecord(outcome))
  // The one before it may be back by now; this one is not.
  if (outcome.endpoint !== null) call.tried = [outcome.endpoint]
}

/** The outcome of a call that has waited; where its time was over, with what it waited for. */
function afterWait(call: Call, outcome: Outcome, last: Outcome): Outcome {
  if (outcome.verdict !== EXPIRED || outcome.reply !== null) return outcome
  const why = last.error?.message ?? errorTable[last.code === '' ? 'UNREACHED' : last.code].sentence
  const error = new Error(`it waited until the service was ready: ${why}`, { cause: last.error ?? undefined })
  return wholeOutcome(call, EXPIRED, { code: 'EXPIRED', at: outcome.at, error })
}
