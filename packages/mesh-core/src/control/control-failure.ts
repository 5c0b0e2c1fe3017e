/** Why an exchange with the control API brought nothing. */

/** One word for metrics. */
export type FailureReason =
  | 'unreachable'
  | 'untrusted'
  | 'timeout'
  | 'token'
  | 'redirect'
  | 'status'
  | 'too_large'
  | 'garbage'
  | 'foreign'
  | 'wrong_hash'
  | 'older_epoch'
  | 'older_revision'

/** What is known of an answer that was refused. */
export interface RefusedAnswer {
  /** 0 where there was none. */
  readonly status: number
  /** The word in which the control API itself said why; '' where the answer is none of its own. */
  readonly code: string
}

/** An exchange failed, or its answer was refused. The message is the middle of a sentence and holds no token. */
export class ControlFailure extends Error implements RefusedAnswer {
  override readonly name = 'ControlFailure'
  readonly reason: FailureReason
  readonly status: number
  readonly code: string

  constructor(reason: FailureReason, message: string, { status = 0, code = '' }: Partial<RefusedAnswer> = {}) {
    super(message)
    this.reason = reason
    this.status = status
    this.code = code
  }
}
