/** One thing wrong with one field of something that was sent. */

/** As it goes on the wire. */
export interface FieldProblem {
  /** `payment.to[1].version`, the name of a parameter, or '' for the whole. */
  readonly path: string
  readonly message: string
}
