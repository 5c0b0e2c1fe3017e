/** What a call carries over HTTP: its request line, its headers and its body, ready for any number of attempts. */
import { type Call, formatTraceparent } from '@zerohop/mesh-core/transport'
import type { Target } from './http-url.ts'
import type { RequestBody } from './request-body.ts'
import type { RequestHeaders } from './request-headers.ts'

/** The message of a {@link Call} over HTTP. */
export class HttpMessage {
  readonly target: Target
  readonly method: string
  /** Null for none. */
  readonly body: RequestBody | null
  /** The policy in force when the call began, for the messages of errors. */
  readonly revision: string
  /** Why the caller left, as its signal says; undefined while it has not. */
  leaveReason: unknown = undefined
  readonly #headers: RequestHeaders

  /** @param headers complete, the defaults of fetch included */
  constructor(target: Target, request: { method: string; headers: RequestHeaders; body: RequestBody | null }, revision: string) {
    this.target = target
    this.method = request.method
    this.body = request.body
    this.revision = revision
    this.#headers = request.headers
  }

  /** The headers of one attempt, names and values in turn: the caller's, then those that say what the mesh knows at `now`. */
  headersAt(call: Call, now: number): string[] {
    const given = this.#headers
    const list = given.list.slice()
    list.push('host', this.target.authority)
    const { deadlineAt } = call
    if (deadlineAt !== Number.POSITIVE_INFINITY) list.push('zerohop-timeout', String(Math.max(1, Math.floor(deadlineAt - now))))
    if (call.attempt > 1) list.push('zerohop-attempt', String(call.attempt))
    const trace = call.attemptTrace
    if (trace !== null) {
      list.push('traceparent', formatTraceparent(trace))
      if (trace.state !== '') list.push('tracestate', trace.state)
    } else if (given.traceparent !== '') {
      list.push('traceparent', given.traceparent)
      if (given.tracestate !== '') list.push('tracestate', given.tracestate)
    }
    const baggage = call.ambient === null ? '' : call.ambient.baggage
    if (baggage !== '' && !given.hasBaggage) list.push('baggage', baggage)
    return list
  }
}
