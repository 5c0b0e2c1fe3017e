/** Why somebody must not get in. */
import type { ErrorCode } from '../kernel/mesh-error.ts'

/** Each one word for metrics. */
export const refusalReasons = ['mtls_required', 'ambiguous_path', 'denied', 'not_allowed'] as const

/** One of them. */
export type RefusalReason = (typeof refusalReasons)[number]

/** A reason for the operator: the caller is told nothing but the code. */
export interface Refusal {
  readonly code: Extract<ErrorCode, 'MTLS_REQUIRED' | 'AMBIGUOUS_PATH' | 'FORBIDDEN'>
  readonly reason: RefusalReason
  /** The end of a sentence about the call. */
  readonly why: string
}
