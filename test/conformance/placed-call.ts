/** One call that a case has made, and what became of it as its caller saw it. */
import { getEventListeners } from 'node:events'
import { type ErrorCode, MeshError, type VerdictName } from '@zerohop/mesh-core'
import type { CallSpec, Word } from './case.ts'
import type { Caller } from './wire.ts'

/** How a call ended for its caller. */
export interface Ended {
  readonly gets: 'answer' | 'error' | 'broken answer'
  /** By the wire's own name; '' where there was no answer. */
  readonly status: string
  /** All that the wire says of an answer besides its body. */
  readonly headers: Headers
  readonly body: string
  /** As the answer or the error says; cancelled where the caller's own leaving was the reason. */
  readonly verdict: VerdictName | ''
  readonly code: ErrorCode | ''
  /** Attempts that the error lists. */
  readonly attempts: number
  /** What was thrown, for messages. */
  readonly error: unknown
}

/** What a caller saw of a call. */
export interface Seen extends Ended {
  readonly tookMs: number
  /** Pieces of the body that came. */
  readonly pieces: number
}

/** The host under which cases know their service. */
export const host = 'shop'

/** One piece of a body. */
export const piece = 'piece;'

/** Why a call was left. */
export const callerLeft = new Error('the caller left')

/** What came of an answer before its end. */
export type Begun = Pick<Ended, 'gets' | 'status' | 'headers' | 'body'>

/** Nothing came. */
export const nothingCame: Begun = { gets: 'error', status: '', headers: new Headers(), body: '' }

const meanings: Partial<Readonly<Record<Word, VerdictName>>> = { missing: 'rejected', forbidden: 'rejected', full: 'unreached' }

/** The end of a call whose caller got a whole answer, which stands for `word`. */
export function answered(begun: Omit<Begun, 'gets'>, word: Word | undefined): Ended {
  const verdict = word === undefined ? '' : (meanings[word] ?? (word as VerdictName))
  return { ...begun, gets: 'answer', verdict, code: '', attempts: 0, error: null }
}

/** The end of a call that failed with `error`, whose reason is `cause`. */
export function failed(begun: Begun, error: unknown, cause: unknown): Ended {
  const mesh = MeshError.is(cause) ? cause : null
  return {
    ...begun,
    verdict: error === callerLeft ? 'cancelled' : (mesh?.verdict ?? ''),
    code: mesh?.code ?? '',
    attempts: mesh?.attempts.length ?? 0,
    error,
  }
}

/** A call under way, or over. */
export class PlacedCall {
  /** Null while it is under way. */
  seen: Seen | null = null
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
