/** serveGrpc: a server whose calls pass through the mesh, and which leaves no call behind when it goes. */
import type { Duplex } from 'node:stream'
import type { Server } from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import {
  type Attendance,
  doorGround,
  type LeavingServer,
  type MeshParts,
  partsOf,
  ServerDoor,
  type ServingWire,
  StandingServer,
} from '@zerohop/mesh-core/transport'
import { GrpcHost } from './grpc-host.ts'
import { GrpcInbound } from './grpc-inbound.ts'
import { HealthService } from './health-service.ts'
import { OpenSessions, type SessionTerms } from './open-sessions.ts'
import { type GrpcServerOptions, type GrpcServerSettings, grpcServerSettings } from './server-options.ts'

/** A server that is a member of the mesh. */
export type MeshServer = LeavingServer

/**
 * Serves `server`, a grpc-js Server with its services added, as the mesh's service; resolves once it listens. The server must not be bound to
 * a port itself: it gets its connections from here.
 * @throws MeshError BAD_OPTIONS with all problems; node's own error where the address cannot be had
 */
export async function serveGrpc(mesh: Mesh, server: Server, options: GrpcServerOptions): Promise<MeshServer> {
  const settings = grpcServerSettings(server, options)
  const { standing } = new GrpcServer(partsOf(mesh), server, settings)
  await standing.listen()
  if (settings.signals) standing.endWith(mesh)
  return standing
}

class GrpcServer implements ServingWire {
  readonly standing: StandingServer
  readonly halfOpen = false
  readonly #sessions: OpenSessions
  readonly #host: GrpcHost
  readonly #door: ServerDoor
  readonly #health: HealthService | null
  // Of the connection that becomes a session in this tick.
  #terms: SessionTerms | null = null

  constructor(parts: MeshParts, server: Server, settings: GrpcServerSettings) {
    this.#sessions = new OpenSessions(parts)
    this.standing = new StandingServer(parts, settings, this)
    const inbound = new GrpcInbound({ parts, health: settings.health })
    this.#host = new GrpcHost(server, {
      session: (session) => {
        if (this.#terms !== null) this.#sessions.add(session, this.#terms)
      },
      stream: (stream, headers) => {
        const session = this.#sessions.of(stream.session)
        // The connection went in the tick that brought the stream.
        if (session !== undefined) inbound.take({ stream, headers, session }, this.#host)
      },
    })
    this.#door = new ServerDoor(doorGround(parts, this.standing.listed), {
      alpn: ['h2'],
      onConnection: (socket, peer, entrance) => this.#open(socket, { peer, entrance, maxAgeMs: parts.maxAgeMs }),
    })
    const { readiness } = this.standing
    this.#health = settings.health ? new HealthService({ readiness, services: () => this.#host.services(), clock: parts.clock }) : null
    this.#health?.addTo(server)
  }

  get attendance(): Attendance {
    return this.#sessions.attendance
  }

  accept(socket: Duplex): void {
    if (this.#sessions.take(socket)) this.#door.accept(socket)
  }

  turnAway(): void {
    // A watch hears of it, and then stands in the way of the connection's end no longer.
    void this.#health?.leave().then(() => this.#sessions.leaveAll())
    if (this.#health === null) this.#sessions.leaveAll()
  }

  shut(stopListening: () => Promise<void>): Promise<void> {
    this.#door.close()
    this.#sessions.leaveAll()
    return stopListening()
  }

  cut(): void {
    this.#door.close()
    this.#sessions.destroyAll()
  }

  gone(): void {
    this.#host.destroy()
  }

  #open(socket: Duplex, terms: SessionTerms): void {
    this.#terms = terms
    try {
      this.#host.inject(socket)
    } finally {
      this.#terms = null
    }
  }
}
