/** HTTP as a wire of the mesh: which bottom carries an attempt, and what a status means that the mesh itself answers. */
import {
  type BottomSettings,
  Call,
  type CheckWay,
  type CodesPolicy,
  ConnectionTable,
  connectionCheck,
  type Endpoint,
  type HealthPolicy,
  type MeshParts,
  type Outcome,
  type Send,
  type Wire,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { Connections } from './connections.ts'
import { HttpMessage } from './http-call.ts'
import { type ReplyHeaders, StatusVerdicts } from './http-outcome.ts'
import type { BottomGround, HttpReply } from './http-reply.ts'
import { httpSend } from './http-send.ts'
import { IncomingBody } from './incoming-body.ts'
import { memorySend } from './memory-send.ts'
import { RequestHeaders } from './request-headers.ts'

/** The HTTP wire of a mesh: one per mesh, made at first use. */
export function httpWire(parts: MeshParts): HttpWire {
  return parts.once('http', () => new HttpWire(parts))
}

export class HttpWire implements Wire {
  readonly name = 'http'
  readonly connections: ConnectionTable<Connections>
  readonly #parts: MeshParts

  constructor(parts: MeshParts) {
    this.#parts = parts
    this.connections = new ConnectionTable(parts, (endpoint, settings: BottomSettings) => new Connections(endpoint, parts, settings))
    parts.closeWith(this.connections, 'client')
  }

  bottom(settings: BottomSettings): Send {
    const parts = this.#parts
    const ground: BottomGround = { parts, settings, verdicts: new StatusVerdicts(settings.codes) }
    const overSockets = httpSend(this.connections, ground)
    const network = parts.network
    if (network === null) return overSockets
    const inMemory = memorySend(network, ground)
    return (call) => (network.isWire((call.endpoint as Endpoint).address) ? overSockets(call) : inMemory(call))
  }

  check(settings: BottomSettings, { http, grpc }: HealthPolicy): CheckWay | null {
    const { service, mtls } = settings
    if (grpc !== null) return null
    if (http === null) return connectionCheck(this.#parts, { service, mtls, alpn: [] })
    const { path, status } = http
    return { asked: { what: path, well: String(status) }, call: () => checkCall(service, path), send: this.bottom(settings) }
  }

  answer(call: Call, status: number, codes: CodesPolicy): Outcome {
    const verdict = new StatusVerdicts(codes).of(status, {})
    return wholeOutcome(call, verdict, { reply: new GivenReply(status), at: this.#parts.clock.now() })
  }
}

function checkCall(service: string, path: string): Call {
  const target = { secure: false, host: service, authority: service, path, href: `http://${service}${path}`, fragment: '' }
  const headers = new RequestHeaders({ accept: '*/*', 'user-agent': 'zerohop-health' })
  const message = new HttpMessage(target, { method: 'GET', headers, body: null }, '')
  return new Call({ service, method: 'GET', path, kind: 'unary', message, replayable: true, idempotent: true })
}

/** An answer without a body, which no server gave. */
class GivenReply implements HttpReply {
  readonly code: number
  readonly status: string
  readonly statusText = ''
  readonly headers: ReplyHeaders = { 'content-length': '0' }
  readonly body = new IncomingBody({ pauseBody() {}, resumeBody() {}, abandonBody() {} })

  constructor(code: number) {
    this.code = code
    this.status = String(code)
    this.body.end()
  }

  discard(): void {}
}
