/** An answer that is not the one asked for: a status and a sentence for the caller. */

/** Thrown by a page; the router turns it into an answer. */
export class Problem extends Error {
  readonly status: number

  constructor(status: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
  }
}
