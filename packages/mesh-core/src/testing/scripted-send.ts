/** A bottom for tests of layers: it answers as its script says, and remembers what it was asked. */
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Send } from '../kernel/layer.ts'
import type { ErrorCode } from '../kernel/mesh-error.ts'
import { ended, Outcome, type Reply } from '../kernel/outcome.ts'
import type { TraceContext } from '../kernel/span.ts'
import { type Verdict, type VerdictName, verdicts } from '../kernel/verdict.ts'

/** One answer of a script, in full; what is left out follows from the verdict. */
export interface ScriptedAnswer {
  readonly verdict: VerdictName
  /** The reply's status; by default 200, 404, 429, 503 or 500 as the verdict says. */
  readonly status?: string
  /** What the wire says went wrong, where there is no reply. */
  readonly error?: Error
  readonly code?: ErrorCode
  /** What the server asks to wait, in ms. */
  readonly retryAfterMs?: number
  readonly staleConnection?: boolean
  /** Written to the call first, as a balance layer would. */
  readonly endpoint?: Endpoint
  /** The body is still on its way: the test ends it with `outcomes[n].settle(…)`, or the call does by ending. */
  readonly open?: boolean
  /** The answer comes after this many ms of the clock that `scriptedSend` was given. */
  readonly afterMs?: number
}

/** A verdict, an answer in full, or `never`: nothing comes until the call ends or the test answers by hand. */
export type ScriptedStep = VerdictName | 'never' | ScriptedAnswer

/** A step, or a function that makes one of the call and of its number, from 0. */
export type ScriptEntry = ScriptedStep | ((call: Call, n: number) => ScriptedStep)

/** A call as the bottom met it; a copy, since layers write the call again for its next attempt. */
export interface ScriptedAttempt {
  readonly call: Call
  readonly attempt: number
  readonly version: string
  readonly endpoint: Endpoint | null
  readonly attemptTrace: TraceContext | null
  readonly deadlineAt: number
  /** By the clock given; 0 without one. */
  readonly at: number
}

/** A reply without a body, which counts how often it was thrown away. */
export class CountedReply implements Reply {
  readonly status: string
  discards = 0

  constructor(status: string) {
    this.status = status
  }

  discard(): void {
    this.discards++
  }
}

/** A Send with a memory. */
export interface ScriptedSend extends Send {
  /** What it was asked, in order. */
  readonly attempts: readonly ScriptedAttempt[]
  /** What it answered, by the number of the call; a hole where it has not answered yet. */
  readonly outcomes: readonly (Outcome | undefined)[]
  /** How many calls wait for an answer now. */
  readonly waiting: number
  /** Answers call `n`, which is waiting. @throws Error where it is not */
  answer(n: number, step: Exclude<ScriptedStep, 'never'>): void
}

/**
 * A bottom that answers as scripted. A list is used up: a call beyond its end rejects, so that the test fails. A single entry answers every
 * call.
 * @param clock needed for `afterMs`, and for the times that outcomes carry
 */
export function scriptedSend(script: readonly ScriptEntry[] | ScriptEntry, clock: Clock | null = null): ScriptedSend {
  const attempts: ScriptedAttempt[] = []
  const outcomes: (Outcome | undefined)[] = []
  const held = new Map<number, HeldCall>()
  const now = (): number => clock?.now() ?? 0

  const send = async (call: Call): Promise<Outcome> => {
    const n = attempts.length
    attempts.push(attemptOf(call, now()))
    const entry = isList(script) ? script[n] : script
    if (entry === undefined) throw new Error(`the script has ${(script as readonly unknown[]).length} entries, and this is call ${n + 1}`)
    if (call.ending !== 0) {
      outcomes[n] = ended(call, now())
      return outcomes[n]
    }
    const step = typeof entry === 'function' ? entry(call, n) : entry
    const afterMs = typeof step === 'object' ? (step.afterMs ?? 0) : 0
    if (step !== 'never' && afterMs === 0) {
      outcomes[n] = outcomeOf(call, step, now())
      return outcomes[n]
    }
    if (afterMs > 0 && clock === null) throw new Error('a step with `afterMs` needs the clock: scriptedSend(script, clock)')
    const holding = new HeldCall(call, now)
    held.set(n, holding)
    const timer = step === 'never' || clock === null ? null : clock.setTimer(afterMs, () => holding.answer(step))
    const outcome = await holding.outcome
    timer?.cancel()
    held.delete(n)
    outcomes[n] = outcome
    return outcome
  }

  const answer = (n: number, step: Exclude<ScriptedStep, 'never'>): void => {
    const holding = held.get(n)
    if (holding === undefined) throw new Error(`call ${n} is not waiting for an answer`)
    held.delete(n)
    holding.answer(step)
  }
  const face = Object.assign(send, { attempts, outcomes, answer })
  return Object.defineProperty(face, 'waiting', { get: () => held.size }) as unknown as ScriptedSend
}

function isList(script: readonly ScriptEntry[] | ScriptEntry): script is readonly ScriptEntry[] {
  return Array.isArray(script)
}

function attemptOf(call: Call, at: number): ScriptedAttempt {
  const { attempt, version, endpoint, attemptTrace, deadlineAt } = call
  return { call, attempt, version, endpoint, attemptTrace, deadlineAt, at }
}

class HeldCall {
  readonly outcome: Promise<Outcome>
  readonly #call: Call
  readonly #now: () => number
  readonly #resolve: (outcome: Outcome) => void

  constructor(call: Call, now: () => number) {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.outcome = promise
    this.#call = call
    this.#now = now
    this.#resolve = resolve
    call.cancel = this
  }

  cancelled(call: Call): void {
    this.#resolve(ended(call, this.#now()))
  }

  answer(step: Exclude<ScriptedStep, 'never'>): void {
    if (this.#call.cancel === this) this.#call.cancel = null
    // The call ended in this very tick: its ending has answered already.
    if (this.#call.ending === 0) this.#resolve(outcomeOf(this.#call, step, this.#now()))
  }
}

const statuses: Readonly<Partial<Record<VerdictName, string>>> = {
  ok: '200',
  rejected: '404',
  throttled: '429',
  unavailable: '503',
  fault: '500',
}
const codes: Readonly<Partial<Record<VerdictName, ErrorCode>>> = {
  refused: 'LIMIT_FULL',
  late: 'LATE',
  expired: 'EXPIRED',
  cancelled: 'CANCELLED',
}

function outcomeOf(call: Call, step: Exclude<ScriptedStep, 'never'>, at: number): Outcome {
  const answer = typeof step === 'string' ? { verdict: step } : step
  if (answer.endpoint !== undefined) call.endpoint = answer.endpoint
  const status = answer.status ?? (answer.error === undefined ? statuses[answer.verdict] : undefined)
  const code = answer.code ?? codes[answer.verdict] ?? ''
  const outcome = new Outcome(call, verdicts[answer.verdict], {
    reply: status === undefined ? null : new CountedReply(status),
    error: answer.error ?? (status === undefined && code === '' ? new Error(`scripted: ${answer.verdict}`) : null),
    code,
    at,
    retryAfterMs: answer.retryAfterMs ?? -1,
    staleConnection: answer.staleConnection ?? false,
    open: answer.open ?? false,
  })
  if (outcome.open) call.cancel = { cancelled: () => outcome.settle(call.ending as Verdict) }
  return outcome
}
