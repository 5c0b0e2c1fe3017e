/** Why a request is not served, as it is thrown within and as it goes on the wire. */
import type { Problem } from '@zerohop/mesh-core/policy'
import { withoutSecrets } from '../access/secrets.ts'
import type { FieldProblem } from '../check/field-problem.ts'

/** Thrown by an operation in place of an answer. Its text is meant for the caller: it holds nothing of the inside. */
export class RequestProblem extends Error {
  override readonly name = 'RequestProblem'
  readonly status: number
  /** One word for programs. */
  readonly code: string
  readonly problems: readonly FieldProblem[]
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    rest: { readonly message: string; readonly problems?: readonly FieldProblem[]; readonly headers?: Readonly<Record<string, string>> },
  ) {
    // A hint is a question, and ends as one.
    super(rest.message.replace(/\?\.$/, '?'))
    this.status = status
    this.code = code
    this.problems = rest.problems ?? []
    this.headers = rest.headers ?? {}
  }

  /** The body of the answer. */
  get body(): Problem {
    const problems = this.problems.map(({ path, message }) => ({ path: withoutSecrets(path), message: withoutSecrets(message) }))
    return { error: { code: this.code, message: withoutSecrets(this.message), problems } }
  }
}
