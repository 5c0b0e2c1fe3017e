/** What a call carries over gRPC: its path, its metadata and its messages, ready for any number of attempts. */
import type { OutgoingHttpHeaders } from 'node:http2'
import type { CallCredentials } from '@grpc/grpc-js'
import type { AttemptRecord } from '@zerohop/mesh-core'
import { type Call, formatTraceparent } from '@zerohop/mesh-core/transport'
import type { BufferedCall } from './buffered-call.ts'
import { understoodCodings } from './message-coding.ts'
import type { WireOptions } from './wire-options.ts'

/** What the door knows of a call when the program begins it. */
export interface GrpcMessageStart {
  /** As on the wire: `/package.Service/Method`. */
  readonly path: string
  /** The program's metadata, by `headersOf`; this message writes into them. */
  readonly headers: OutgoingHttpHeaders
  readonly request: BufferedCall
  /** True where the response is a single message: what comes before it is held back, so that a status in its trailers can be tried again. */
  readonly unaryResponse: boolean
  /** The program's own for this call; null for none. */
  readonly credentials: CallCredentials | null
  /** The `:authority` that the program asks for; null for that of its channel. */
  readonly host: string | null
}

/** The message of a {@link Call} over gRPC. */
export class GrpcMessage {
  readonly path: string
  readonly request: BufferedCall
  readonly unaryResponse: boolean
  readonly options: WireOptions
  readonly credentials: CallCredentials | null
  readonly host: string | null
  /** The policy in force when the call began, for the messages of errors. */
  readonly revision: string
  readonly #headers: OutgoingHttpHeaders
  readonly #hasBaggage: boolean

  constructor(start: GrpcMessageStart, options: WireOptions, revision: string) {
    this.path = start.path
    this.request = start.request
    this.unaryResponse = start.unaryResponse
    this.options = options
    this.credentials = start.credentials
    this.host = start.host
    this.revision = revision
    const headers = start.headers
    this.#headers = headers
    this.#hasBaggage = 'baggage' in headers
    headers['grpc-accept-encoding'] = understoodCodings
    headers['accept-encoding'] = 'identity'
  }

  /** The headers of one attempt: the program's, then what the mesh knows at `now`. The next attempt's take their place in the same object. */
  headersAt(call: Call, now: number): OutgoingHttpHeaders {
    const headers = this.#headers
    const { deadlineAt } = call
    if (deadlineAt !== Number.POSITIVE_INFINITY) headers['grpc-timeout'] = timeoutText(deadlineAt - now)
    const seen = call.failures === null ? 0 : seenAttempts(call.failures)
    if (seen > 0) headers['grpc-previous-rpc-attempts'] = String(seen)
    const trace = call.attemptTrace
    if (trace !== null) {
      headers.traceparent = formatTraceparent(trace)
      if (trace.state !== '') headers.tracestate = trace.state
      // What the program wrote belongs to its own traceparent.
      else if ('tracestate' in headers) delete headers.tracestate
    }
    const baggage = call.ambient === null ? '' : call.ambient.baggage
    if (baggage !== '' && !this.#hasBaggage) headers.baggage = baggage
    return headers
  }
}

/** Attempts that a handler may have seen: gRFC A6 does not count what gRPC repeats by itself. */
function seenAttempts(failures: readonly AttemptRecord[]): number {
  let seen = 0
  for (const { verdict } of failures) if (verdict !== 'unreached') seen++
  return seen
}

/** Time left as `grpc-timeout` has it: at most eight digits and a unit. It is rounded down, for time must never grow on its way. */
function timeoutText(ms: number): string {
  const wholeMs = Math.max(1, Math.floor(ms))
  return wholeMs < 1e8 ? `${wholeMs}m` : `${Math.floor(wholeMs / 1000)}S`
}
