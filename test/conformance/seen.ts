/** What became of a call as its caller saw it. */
import { type ErrorCode, MeshError, type VerdictName } from '@zerohop/mesh-core'
import type { Word } from './case.ts'

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

const meanings: Partial<Readonly<Record<Word, VerdictName>>> = {
  missing: 'rejected',
  forbidden: 'rejected',
  full: 'unreached',
  late: 'fault',
}

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
