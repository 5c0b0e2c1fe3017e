/** gRPC as a wire of the mesh: which bottom carries an attempt, and what a status means that the mesh itself answers. */
import { Metadata } from '@grpc/grpc-js'
import {
  type BottomSettings,
  type Call,
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
import { statusName, statusOfHttp } from '../status-verdict.ts'
import { alpn } from './connection.ts'
import { EndpointChannels } from './endpoint-channels.ts'
import { StatusVerdicts } from './grpc-outcome.ts'
import type { AuthContext, BottomGround, GrpcReply, ReplyReader } from './grpc-reply.ts'
import { grpcSend } from './grpc-send.ts'
import { healthCheck } from './health-check.ts'
import { memorySend } from './memory-send.ts'
import { ReplayRoom } from './replay-room.ts'
import { StateWatches } from './state-watch.ts'
import { WireOptionTable } from './wire-options.ts'

/** The gRPC wire of a mesh: one per mesh, made at first use. */
export function grpcWire(parts: MeshParts): GrpcWire {
  return parts.once('grpc', () => new GrpcWire(parts))
}

export class GrpcWire implements Wire {
  readonly name = 'grpc'
  readonly exactPushback = true
  readonly channels: ConnectionTable<EndpointChannels>
  readonly options = new WireOptionTable()
  readonly watches: StateWatches
  readonly #rooms = new Map<string, ReplayRoom>()
  readonly #parts: MeshParts

  constructor(parts: MeshParts) {
    this.#parts = parts
    this.channels = new ConnectionTable(parts, (endpoint, settings: BottomSettings) => new EndpointChannels(endpoint, parts, settings))
    parts.closeWith(this.channels, 'client')
    this.watches = new StateWatches(parts.clock)
    parts.closeWith(this.watches, 'client')
  }

  /** What the calls to `service` keep together. */
  roomOf(service: string): ReplayRoom {
    const room = this.#rooms.get(service) ?? new ReplayRoom()
    this.#rooms.set(service, room)
    return room
  }

  bottom(settings: BottomSettings): Send {
    const ground: BottomGround = { parts: this.#parts, settings, verdicts: new StatusVerdicts(settings.codes) }
    const overSockets = grpcSend(this.channels, ground)
    const { network } = this.#parts
    if (network === null) return overSockets
    const inMemory = memorySend(network, ground)
    return (call) => (network.isWire((call.endpoint as Endpoint).address) ? overSockets(call) : inMemory(call))
  }

  check(settings: BottomSettings, { http, grpc }: HealthPolicy): CheckWay | null {
    const { service, mtls } = settings
    if (http !== null) return null
    if (grpc === null) return connectionCheck(this.#parts, { service, mtls, alpn })
    // Under the options of most programs, so that a check goes over the connection of their calls.
    return healthCheck(this.bottom(settings), { service, about: grpc.service, options: this.options.of({}) })
  }

  answer(call: Call, status: number, codes: CodesPolicy): Outcome {
    const code = statusOfHttp(status)
    const verdict = new StatusVerdicts(codes).of(code, new Metadata())
    return wholeOutcome(call, verdict, { reply: new GivenReply(code), at: this.#parts.clock.now() })
  }
}

/** A status that no server gave. */
class GivenReply implements GrpcReply {
  readonly status: string
  readonly #code: number

  constructor(code: number) {
    this.#code = code
    this.status = statusName(code)
  }

  deliver(reader: ReplyReader): void {
    reader.tookStatus({ code: this.#code, details: 'the policy of the mesh injected this status', metadata: new Metadata() })
  }

  read(): void {}

  discard(): void {}

  authContext(): AuthContext | null {
    return null
  }
}
