/** Makes a call of every request that comes in, and sends it through the inbound stack to the handler. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  Call,
  type CallKind,
  type Inbound,
  type MeshParts,
  type Outcome,
  parseTraceContext,
  refusalWord,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { statusVerdict } from '../status-verdict.ts'
import { Exchange, type HttpApp } from './exchange.ts'
import type { Health } from './health.ts'
import { answerInstead, type MeshAnswer } from './mesh-answer.ts'
import type { OpenConnection, OpenConnections } from './open-connections.ts'
import { headerLines } from './request-header.ts'
import { replyOf } from './served-status.ts'
import { endPlainly, plainAnswer, Upgrade, type UpgradeHandler } from './upgrade.ts'

/** What requests are served with. */
export interface HttpInboundOptions {
  readonly parts: MeshParts
  readonly app: HttpApp
  readonly upgrade: UpgradeHandler | null
  /** null where there are no health pages. */
  readonly health: Health | null
  readonly connections: OpenConnections
}

/** What the stack's bottom finds as the message of a call. */
interface Carried {
  run(call: Call): Promise<Outcome>
  header(name: string): string | null
}

/** A request as it came in. */
interface Arrived {
  readonly kind: CallKind
  readonly message: Carried
  readonly connection: OpenConnection
  readonly now: number
}

/** The door of a server. */
export class HttpInbound {
  readonly #options: HttpInboundOptions
  readonly #inbound: Inbound
  /** Set while the server drains: each response is the last one of its connection. */
  draining = false
  /** Set once callers have had time to go: what still comes is sent elsewhere. */
  refusing = false

  constructor(options: HttpInboundOptions) {
    const { parts } = options
    this.#options = options
    const bottom = (call: Call): Promise<Outcome> => (call.message as Carried).run(call)
    this.#inbound = parts.inbound({
      name: 'http',
      bottom,
      answer: (call, status) => injected(call, status, parts.clock.now()),
      header: (call, name) => (call.message as Carried).header(name),
    })
  }

  /** Serves one request. */
  request(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { parts, app, health, connections } = this.#options
    const connection = connections.of(request.socket)
    // The connection went in the tick that brought the request.
    if (connection === undefined) return
    const now = parts.clock.now()
    if (this.draining || connection.isLastAt(now)) response.shouldKeepAlive = false
    if (health?.answer(request, response) === true) return
    if (this.refusing || connection.isExpiredAt(now)) {
      answerInstead({ request, response, clock: parts.clock }, this.#refusal)
      return
    }
    const exchange = new Exchange({ parts, app, request, response, connection, expectsContinue })
    void exchange.serve(this.#call(request, { kind: 'unary', message: exchange, connection, now }), this.#inbound.send)
  }

  /** Serves one request to leave HTTP. Only called where there is a handler for such. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { parts, upgrade, connections } = this.#options
    // A reset is told by 'close'; before the handler has it, nobody else listens.
    stream.on('error', () => {})
    // While the request's body is still to come, `stream` is one that node has laid over the socket.
    const connection = connections.of(request.socket)
    if (connection === undefined || upgrade === null) return void stream.destroy()
    const now = parts.clock.now()
    if (connection.isExpiredAt(now)) return endPlainly(stream, plainAnswer(this.#refusal), parts.clock)
    const upgraded = new Upgrade({ parts, handler: upgrade, request, stream, head, connection })
    void upgraded.serve(this.#call(request, { kind: 'upgrade', message: upgraded, connection, now }), this.#inbound.send)
  }

  /** Why what comes now must go elsewhere: the server leaves, or else the connection has outlived a certificate. */
  get #refusal(): MeshAnswer {
    const { service } = this.#options.parts
    if (this.refusing) return { code: 'MESH_CLOSED', status: 503, service, refusedAs: 'draining', retryAfterMs: -1 }
    return { code: 'CONNECTION_EXPIRED', status: 503, service, refusedAs: refusalWord('CONNECTION_EXPIRED'), retryAfterMs: -1 }
  }

  #call(request: IncomingMessage, { kind, message, connection, now }: Arrived): Call {
    const { parts } = this.#options
    const { headers } = request
    const method = request.method as string
    const call = new Call({
      service: parts.service,
      method,
      path: request.url as string,
      kind,
      message,
      replayable: false,
      idempotent: false,
    })
    call.startedAt = now
    call.from = connection.from
    call.caller = connection.caller
    // An upgraded connection outlives the patience of whoever asked for it.
    if (kind !== 'upgrade') call.timeoutMs = readTimeout(headers['zerohop-timeout'])
    const { traceparent } = headers
    if (traceparent !== undefined) call.trace = parseTraceContext(traceLines(request), headers.tracestate as string | undefined)
    return call
  }
}

// A day, the longest duration that a policy can name.
const longestMs = 86_400_000

/** Milliseconds that the caller has left; 0 where it does not say, or says it badly. A caller's mistake must not become an outage. */
function readTimeout(header: string | string[] | undefined): number {
  if (typeof header !== 'string' || !/^\d{1,8}$/.test(header)) return 0
  const ms = Number(header)
  return ms <= longestMs ? ms : 0
}

// Node joins repeated headers of this name with ", ", and a single line may hold a comma as well: the difference matters.
function traceLines(request: IncomingMessage): string | string[] | undefined {
  const joined = request.headers.traceparent as string
  return joined.includes(',') ? headerLines(request, 'traceparent') : joined
}

function injected(call: Call, status: number, at: number): Outcome {
  return wholeOutcome(call, statusVerdict(status), { reply: replyOf(status), code: 'FAULT_INJECTED', at })
}
