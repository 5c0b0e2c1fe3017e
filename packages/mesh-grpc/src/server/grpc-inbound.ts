/** Makes a call of every stream that comes in, and sends it through the inbound stack to the handler. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import {
  Call,
  type CallKind,
  type Inbound,
  type MeshParts,
  type Outcome,
  parseTraceContext,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { healthPrefix } from '../health-message.ts'
import { statusOfHttp, statusVerdict } from '../status-verdict.ts'
import type { GrpcHost } from './grpc-host.ts'
import { isBeyondGrpcJs, readGrpcTimeout } from './grpc-timeout.ts'
import { elsewhereStatus, servedStatus, trailersOnly } from './mesh-status.ts'
import type { OpenSession } from './open-sessions.ts'
import { ServedCall } from './served-call.ts'
import { UnknownMethod } from './unknown-method.ts'

/** What the stack's bottom finds as the message of a call. */
interface Carried {
  run(call: Call): Promise<Outcome>
  header(name: string): string | null
}

/** What calls are served with. */
export interface GrpcInboundOptions {
  readonly parts: MeshParts
  /** True where grpc.health.v1 is answered above all layers: a full server is alive, and a probe has no identity to show. */
  readonly health: boolean
}

/** A stream that has begun. */
export interface Incoming {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly session: OpenSession
}

/** The door of a server. */
export class GrpcInbound {
  readonly #parts: MeshParts
  readonly #health: boolean
  readonly #inbound: Inbound

  constructor({ parts, health }: GrpcInboundOptions) {
    this.#parts = parts
    this.#health = health
    const bottom = (call: Call): Promise<Outcome> => (call.message as Carried).run(call)
    this.#inbound = parts.inbound({
      name: 'grpc',
      bottom,
      answer: (call, status) => injected(call, status, parts.clock.now()),
      header: (call, name) => (call.message as Carried).header(name),
    })
  }

  /** Serves one stream. */
  take(incoming: Incoming, host: GrpcHost): void {
    const { stream, headers, session } = incoming
    const path = headers[':path'] ?? ''
    // The mesh keeps the deadlines itself.
    if (isBeyondGrpcJs(headers['grpc-timeout'])) delete headers['grpc-timeout']
    // Below its certificate's end nothing begins; what had begun goes on.
    if (session.isExpired) {
      session.leave()
      stream.on('error', () => {})
      stream.respond(trailersOnly(elsewhereStatus('CONNECTION_EXPIRED', this.#parts.service)), { endStream: true })
    } else if (this.#health && path.startsWith(healthPrefix)) host.dispatch(stream, headers, null)
    else if (host.knows(path)) this.#serve(incoming, host)
    // grpc-js turns away what is no gRPC at all.
    else if (!isGrpc(headers)) host.dispatch(stream, headers, null)
    else {
      const unknown = new UnknownMethod(this.#parts, stream, headers)
      void unknown.serve(this.#call(incoming, unknown, 'unary'), this.#inbound.send)
    }
  }

  #serve(incoming: Incoming, host: GrpcHost): void {
    const { stream, headers, session } = incoming
    const [parts, inbound, { caller }] = [this.#parts, this.#inbound, session]
    host.dispatch(stream, headers, (wire, streams) => {
      const kind = streams.requestStream || streams.responseStream ? 'stream' : 'unary'
      const callOf = (served: ServedCall): Call => this.#call(incoming, served, kind)
      return new ServedCall({ parts, stream, headers, wire, caller, inbound, callOf, streams })
    })
  }

  #call({ headers, session }: Incoming, message: Carried, kind: CallKind): Call {
    const parts = this.#parts
    const path = headers[':path'] ?? ''
    const call = new Call({
      service: parts.service,
      method: path.slice(path.lastIndexOf('/') + 1),
      path,
      kind,
      message,
      replayable: false,
      idempotent: false,
    })
    call.startedAt = parts.clock.now()
    call.from = session.from
    call.caller = session.caller
    call.timeoutMs = readGrpcTimeout(headers['grpc-timeout'])
    const { traceparent, tracestate } = headers
    if (traceparent !== undefined) call.trace = parseTraceContext(traceparent, tracestate)
    return call
  }
}

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('application/grpc') === true
}

function injected(call: Call, http: number, at: number): Outcome {
  const code = statusOfHttp(http)
  return wholeOutcome(call, statusVerdict(code), { reply: servedStatus(code), code: 'FAULT_INJECTED', at })
}
