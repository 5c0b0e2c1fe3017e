/** What a call carries over gRPC: its path, its metadata and its messages, ready for any number of attempts. */
import type { CallCredentials, Metadata } from '@grpc/grpc-js'
import { type Call, formatTraceparent, refusedHeader } from '@zerohop/mesh-core/transport'
import type { BufferedCall } from './buffered-call.ts'
import type { WireOptions } from './wire-options.ts'

/** What the door knows of a call when the program begins it. */
export interface GrpcMessageStart {
  /** As on the wire: `/package.Service/Method`. */
  readonly path: string
  /** A copy of the program's; this message writes into it. */
  readonly metadata: Metadata
  readonly request: BufferedCall
  /** True where the response is a single message: what comes before it is held back, so that a status in its trailers can be tried again. */
  readonly unaryResponse: boolean
  readonly options: WireOptions
  /** The program's own for this call; null for none. */
  readonly credentials: CallCredentials | null
  /** The `:authority` that the program asks for; null for the name of the service. */
  readonly host: string | null
  /** The policy in force when the call began, for the messages of errors. */
  readonly revision: string
}

// Written by the mesh or by the protocol: what the program put there is dropped.
const ours = ['grpc-timeout', 'grpc-previous-rpc-attempts', 'zerohop-timeout', 'zerohop-attempt', refusedHeader]

/** The message of a {@link Call} over gRPC. */
export class GrpcMessage implements GrpcMessageStart {
  readonly path: string
  readonly metadata: Metadata
  readonly request: BufferedCall
  readonly unaryResponse: boolean
  readonly options: WireOptions
  readonly credentials: CallCredentials | null
  readonly host: string | null
  readonly revision: string
  readonly #hasBaggage: boolean

  constructor(start: GrpcMessageStart) {
    this.path = start.path
    this.metadata = start.metadata
    this.request = start.request
    this.unaryResponse = start.unaryResponse
    this.options = start.options
    this.credentials = start.credentials
    this.host = start.host
    this.revision = start.revision
    for (const key of ours) this.metadata.remove(key)
    // The door itself waits; an attempt that waited could not go to another endpoint.
    this.metadata.setOptions({ ...this.metadata.getOptions(), waitForReady: false })
    this.#hasBaggage = this.metadata.get('baggage').length > 0
  }

  /** The metadata of one attempt: the program's, then what the mesh knows at `now`. The next attempt's takes its place in the same object. */
  metadataAt(call: Call, now: number): Metadata {
    const { metadata } = this
    const dueAt = Math.min(call.deadlineAt, call.attemptDueAt)
    if (dueAt !== Number.POSITIVE_INFINITY) metadata.set('grpc-timeout', timeoutText(dueAt - now))
    else if (call.attempt > 1) metadata.remove('grpc-timeout')
    if (call.attempt > 1) metadata.set('grpc-previous-rpc-attempts', String(call.attempt - 1))
    const trace = call.attemptTrace
    if (trace !== null) {
      metadata.set('traceparent', formatTraceparent(trace))
      if (trace.state !== '') metadata.set('tracestate', trace.state)
      else metadata.remove('tracestate')
    }
    const baggage = call.ambient === null ? '' : call.ambient.baggage
    if (baggage !== '' && !this.#hasBaggage) metadata.set('baggage', baggage)
    return metadata
  }
}

/** Time left as `grpc-timeout` has it: at most eight digits and a unit. It is rounded down, for time must never grow on its way. */
function timeoutText(ms: number): string {
  const wholeMs = Math.max(1, Math.floor(ms))
  return wholeMs < 1e8 ? `${wholeMs}m` : `${Math.floor(wholeMs / 1000)}S`
}
