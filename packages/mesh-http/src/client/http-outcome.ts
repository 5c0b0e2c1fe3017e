/** What an answer over HTTP means. */
import {
  BROKEN,
  CANCELLED,
  type CodesPolicy,
  type ErrorCode,
  MeshError,
  refusedHeader,
  UNREACHED,
  type Verdict,
  verdicts,
} from '@zerohop/mesh-core/transport'
import { statusVerdict } from '../status-verdict.ts'

/** Header fields by their lower-case names, as undici gives them. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>

// A server that says "come back tomorrow" must not park a call for a day.
const longestRetryAfterMs = 300_000

/** The verdict of every status, with those that a policy changed. */
export class StatusVerdicts {
  readonly #changed: ReadonlyMap<number, Verdict>

  constructor(codes: CodesPolicy) {
    this.#changed = new Map(Object.entries(codes).map(([code, name]) => [Number(code), verdicts[name]]))
  }

  /** What a head means. */
  of(code: number, headers: ReplyHeaders): Verdict {
    // Only where a refusal leaves hope elsewhere: a full queue does, a caller that may not come in does not.
    if ((code >= 500 || code === 429) && headers[refusedHeader] !== undefined) return UNREACHED
    if (this.#changed.size > 0) {
      const changed = this.#changed.get(code)
      if (changed !== undefined) return changed
    }
    return statusVerdict(code)
  }
}

/** How long a server asks to be left alone, in ms, at most 300 s; -1 where it does not say, or not so that it can be read. */
export function retryAfterMs(headers: ReplyHeaders): number {
  const value = headers['retry-after']
  if (typeof value !== 'string') return -1
  // A date begins with its weekday; what else Date.parse would take is nothing that HTTP knows.
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : /^[A-Z]/i.test(value) ? Date.parse(value) - Date.now() : Number.NaN
  return Number.isNaN(ms) ? -1 : Math.min(Math.max(0, ms), longestRetryAfterMs)
}

/** What is known of an attempt that ended without a whole answer. */
export interface Loss {
  readonly error: Error
  /** True once a byte of the request may have left this process. */
  readonly written: boolean
  /** True once a byte of an answer came. */
  readonly answered: boolean
  /** True where the connection had served before. */
  readonly reused: boolean
}

/** What a loss means. */
export interface LossMeaning {
  readonly verdict: Verdict
  /** '' where the verdict says it all. */
  readonly code: ErrorCode | ''
  /** The keep-alive race: nobody's fault. */
  readonly stale: boolean
}

// ERR_ASSERTION: how undici takes a status below 100.
const badReply = new Set([
  'ERR_ASSERTION',
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
])
// What undici says of a 100 or an upgrade that nobody asked for, and of an answer before any question.
const unasked = new Set(['bad response', 'bad upgrade'])
const badRequest = new Set(['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

/**
 * Judges an attempt without a whole answer by what is known of its bytes.
 * @param bodyFailed true where the caller's own body broke off: no server is to blame
 */
export function meaningOfLoss(loss: Loss, bodyFailed: boolean): LossMeaning {
  if (bodyFailed) return { verdict: CANCELLED, code: '', stale: false }
  const { name, message, code } = loss.error as Error & { code?: unknown }
  // The caller's request contradicts itself: no server is to blame, and no other one would take it.
  if (typeof code === 'string' && badRequest.has(code)) return { verdict: CANCELLED, code: 'BAD_REQUEST', stale: false }
  if (name === 'HTTPParserError' || unasked.has(message) || (typeof code === 'string' && badReply.has(code))) {
    return { verdict: BROKEN, code: 'BAD_REPLY', stale: false }
  }
  // No connection, for a reason that has a word of its own: whoever answers there is somebody else, or this process has nothing to show.
  if (!loss.written && MeshError.is(loss.error)) return { verdict: UNREACHED, code: loss.error.code, stale: false }
  if (loss.answered) return { verdict: BROKEN, code: '', stale: false }
  return { verdict: loss.written ? BROKEN : UNREACHED, code: '', stale: loss.reused }
}
