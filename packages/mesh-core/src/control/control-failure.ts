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

/** An exchange failed, or its answer was refused. The message is the middle of a sentence and holds no token. */
export class ControlFailure extends Error {
  override readonly name = 'ControlFailure'
  readonly reason: FailureReason
  /** The status of the answer; 0 where there was none. */
  readonly status: number

  constructor(reason: FailureReason, message: string, status = 0) {
    super(message)
    this.reason = reason
    this.status = status
  }
}
