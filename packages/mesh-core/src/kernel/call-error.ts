/** Turns an outcome without a reply into the error that a door hands to its user. */
import type { Call } from './call.ts'
import { type AttemptRecord, type ErrorCode, errorTable, MeshError } from './mesh-error.ts'
import type { Outcome } from './outcome.ts'
import { BROKEN, CANCELLED, EXPIRED, LATE, REFUSED, UNREACHED, verdictName } from './verdict.ts'

const codeOfVerdict: Readonly<Record<number, ErrorCode>> = {
  [LATE]: 'LATE',
  [EXPIRED]: 'EXPIRED',
  [UNREACHED]: 'UNREACHED',
  [BROKEN]: 'BROKEN',
  [CANCELLED]: 'CANCELLED',
}

const longestPath = 200

/** One failed attempt as an error lists it. */
export function attemptRecord(outcome: Outcome): AttemptRecord {
  return {
    attempt: outcome.attempt,
    endpoint: outcome.endpoint?.address ?? '',
    verdict: verdictName(outcome.verdict),
    detail: outcome.reply?.status ?? outcome.error?.message ?? '',
  }
}

/**
 * The error for an outcome without a reply: what happened, to whom, after how long, after how many attempts.
 * @param seen the policy in force, and the mesh's clock for the time that the call took
 */
export function callError(call: Call, outcome: Outcome, seen: { revision: string; now: number }): MeshError {
  const code = outcome.code === '' ? (codeOfVerdict[outcome.verdict] ?? 'BAD_REPLY') : outcome.code
  const attempts = outcome.attempt === 0 ? (call.failures ?? []) : withLast(call.failures, attemptRecord(outcome))
  const endpoint = outcome.endpoint?.address ?? ''
  const cause = outcome.error === null ? '' : ` (${outcome.error.message})`
  const start = {
    code,
    message: `${sentence(call, code, { attempts, tookMs: Math.round(seen.now - call.startedAt) })}${cause}`,
    service: call.service,
    endpoint,
    attempts,
    verdict: verdictName(outcome.verdict),
    revision: seen.revision,
    cause: outcome.error ?? undefined,
  }
  // A refusal is made when the process may be drowning already: no stack.
  return outcome.verdict === REFUSED ? MeshError.withoutStack(start) : new MeshError(start)
}

function withLast(failures: readonly AttemptRecord[] | null, last: AttemptRecord): readonly AttemptRecord[] {
  if (failures === null) return [last]
  return failures.at(-1)?.attempt === last.attempt ? failures : [...failures, last]
}

function sentence(call: Call, code: ErrorCode, { attempts, tookMs }: { attempts: readonly AttemptRecord[]; tookMs: number }): string {
  const parts = [`${call.service}: ${errorTable[code].sentence} for ${call.method} ${shownPath(call.path)}`]
  if (attempts.length > 0) {
    const last = attempts[attempts.length - 1] as AttemptRecord
    parts.push(`after ${tookMs} ms`, `${attempts.length} attempt${attempts.length === 1 ? '' : 's'}`)
    if (last.endpoint !== '') parts.push(`last ${last.endpoint} ${last.verdict}`)
  }
  return parts.join(', ')
}

// Without the query, which may hold what no log should; a path may be as long as the wire lets it, a message may not.
function shownPath(path: string): string {
  const whole = path.split('?', 1)[0] as string
  return whole.length > longestPath ? `${whole.slice(0, longestPath)}...` : whole
}
