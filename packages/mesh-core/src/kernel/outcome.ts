/** What became of one attempt, and who must be told when its last byte has gone. */
import type { Call } from './call.ts'
import type { Endpoint } from './endpoint.ts'
import type { ErrorCode } from './mesh-error.ts'
import { CANCELLED, EXPIRED, LATE, REFUSED, type Verdict } from './verdict.ts'

/** What a wire hands up as the answer; opaque to core but for these two. */
export interface Reply {
  /** The status as metrics and messages show it: '200', '503', 'UNAVAILABLE'. */
  readonly status: string
  /** Nobody will read this reply: free its connection, within bounds. */
  discard(): void
}

/** Whoever keeps an account of attempts: told once, when everything about the attempt is over. */
export interface Settler {
  /**
   * @param outcome the attempt
   * @param final the verdict to its end: a head that was `ok` may end `broken`, `expired` or `cancelled` in its body
   * @param mark the number the settler gave when it signed up: a start time, an epoch
   */
  settled(outcome: Outcome, final: Verdict, mark: number): void
}

/** Made once, by the bottom or by the layer that answers in its place; only the settle list moves afterwards. */
export class Outcome {
  readonly verdict: Verdict
  /** The answer; null where there was none. */
  readonly reply: Reply | null
  /** What the wire said went wrong; null where there is a reply or a refusal. */
  readonly error: Error | null
  /** Why the mesh answered in the server's place; '' where the wire did. */
  readonly code: ErrorCode | ''
  /** Where the attempt went; null where it went nowhere. */
  readonly endpoint: Endpoint | null
  readonly attempt: number
  /** When the head was here, by the mesh's clock. */
  readonly at: number
  /** How long the server asks us to wait before another attempt, in ms; -1 where it does not say. */
  readonly retryAfterMs: number
  /** True where a connection that had served before let the attempt go unanswered, as in the keep-alive race or at a GOAWAY: nobody's fault. */
  readonly staleConnection: boolean
  /** True where the caller had so little time that running out of it says nothing about the server. */
  readonly hurried: boolean
  /** True while the body is still on its way. */
  open: boolean
  // A body may break in the tick of its head, before the layers above have signed up: they must hear of that end all the same.
  #final: Verdict
  #waiting: (Settler | number)[] | null = null

  constructor(call: Call, verdict: Verdict, answer: Answer) {
    this.verdict = verdict
    this.reply = answer.reply
    this.error = answer.error
    this.code = answer.code
    this.endpoint = call.endpoint
    this.attempt = call.attempt
    this.at = answer.at
    this.retryAfterMs = answer.retryAfterMs
    this.staleConnection = answer.staleConnection
    this.hurried = call.hurried
    this.open = answer.open
    this.#final = verdict
  }

  /** Signs up to be told of the end; at once where the end is here already, as when the body came with the head. */
  whenSettled(settler: Settler, mark: number): void {
    if (!this.open) settler.settled(this, this.#final, mark)
    else if (this.#waiting === null) this.#waiting = [settler, mark]
    else this.#waiting.push(settler, mark)
  }

  /** The last byte has gone, or never will: tells everybody who signed up. Harmless when called again. */
  settle(final: Verdict): void {
    if (!this.open) return
    this.open = false
    this.#final = final
    const waiting = this.#waiting
    if (waiting === null) return
    this.#waiting = null
    for (let at = 0; at < waiting.length; at += 2) {
      ;(waiting[at] as Settler).settled(this, final, waiting[at + 1] as number)
    }
  }
}

/** The parts of an outcome that do not come from the call. */
export interface Answer {
  reply: Reply | null
  error: Error | null
  code: ErrorCode | ''
  at: number
  retryAfterMs: number
  staleConnection: boolean
  open: boolean
}

/** The parts of an outcome that is over as it is made. */
export interface WholeAnswer extends Partial<Omit<Answer, 'staleConnection' | 'open'>> {
  at: number
}

/**
 * The mesh on this side says no, for the reason that `code` names. No stack is captured: refusals happen when the process is drowning
 * already.
 */
export function refusal(call: Call, code: ErrorCode, at: number): Outcome {
  return wholeOutcome(call, REFUSED, { code, at })
}

/** A refusal that says when to come back. */
export function refusalFor(call: Call, code: ErrorCode, when: { at: number; retryAfterMs: number }): Outcome {
  return wholeOutcome(call, REFUSED, { code, ...when })
}

/** The outcome of a call that ended while it waited: late, expired or cancelled as `call.ending` says. */
export function ended(call: Call, at: number): Outcome {
  if (call.ending === LATE) return wholeOutcome(call, LATE, { code: 'LATE', at })
  if (call.ending === EXPIRED) return expired(call, at)
  return wholeOutcome(call, CANCELLED, { code: 'CANCELLED', at })
}

/** The outcome of a call whose own time is over: no fault of the server's. */
export function expired(call: Call, at: number): Outcome {
  return wholeOutcome(call, EXPIRED, { code: 'EXPIRED', at })
}

/** An outcome that is over as it is made: no body is on its way, and no connection to blame. What is left out is as where there was nothing. */
export function wholeOutcome(
  call: Call,
  verdict: Verdict,
  { at, reply = null, error = null, code = '', retryAfterMs = -1 }: WholeAnswer,
): Outcome {
  return new Outcome(call, verdict, { reply, error, code, at, retryAfterMs, staleConnection: false, open: false })
}
