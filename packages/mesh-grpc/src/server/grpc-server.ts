/** serveGrpc: a server whose calls pass through the mesh, and which leaves no call behind when it goes. */
import type { Duplex } from 'node:stream'
import type { Server } from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import {
  advertisedAddress,
  Departure,
  doorGround,
  endOnSignal,
  type LeavingServer,
  Listed,
  Listener,
  type MeshParts,
  partsOf,
  Readiness,
  ServerDoor,
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
  const served = new GrpcServer(partsOf(mesh), server, settings)
  await served.listen()
  if (settings.signals) served.endWith(mesh)
  return served
}

class GrpcServer implements MeshServer {
  readonly #parts: MeshParts
  readonly #settings: GrpcServerSettings
  readonly #sessions: OpenSessions
  readonly #host: GrpcHost
  readonly #listener: Listener
  readonly #listed: Listed
  readonly #door: ServerDoor
  readonly #departure: Departure
  readonly #health: HealthService | null
  #stopFollowing: () => void = () => {}
  // Of the connection that becomes a session in this tick.
  #terms: SessionTerms | null = null

  constructor(parts: MeshParts, server: Server, settings: GrpcServerSettings) {
    this.#parts = parts
    this.#settings = settings
    const { clock } = parts
    this.#sessions = new OpenSessions(parts)
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
    this.#listed = new Listed(parts)
    this.#door = new ServerDoor(doorGround(parts, this.#listed), {
      alpn: ['h2'],
      onConnection: (socket, peer, entrance) => this.#open(socket, { peer, entrance, maxAgeMs: parts.maxAgeMs }),
    })
    const { host, port } = settings
    const accept = (socket: Duplex): void => {
      if (this.#sessions.take(socket)) this.#door.accept(socket)
    }
    this.#listener = new Listener({ service: parts.service, port, host, network: parts.network, log: parts.log, halfOpen: false, accept })
    this.#departure = this.#newDeparture()
    const unready = (): string => (this.#departure.hasBegun ? 'draining' : parts.unready)
    const readiness = new Readiness({ readiness: settings.readiness, unready, clock })
    this.#health = settings.health ? new HealthService({ readiness, services: () => this.#host.services(), clock }) : null
    this.#health?.addTo(server)
  }

  get address(): string {
    return this.#listener.address
  }

  get port(): number {
    return this.#listener.port
  }

  async listen(): Promise<void> {
    await this.#listener.listen()
    const { labels, zone, weight, advertise } = this.#settings.listing
    if (!this.#parts.closing) this.#listed.list({ address: advertisedAddress(advertise, this.address), labels, zone, weight })
    this.#parts.closeWith({ close: (graceMs) => this.close({ graceMs }) }, 'server')
  }

  /** SIGTERM and SIGINT close `mesh`, and with it this server. */
  endWith(mesh: Mesh): void {
    this.#stopFollowing = endOnSignal({ close: () => mesh.close({ graceMs: this.#settings.graceMs }) })
  }

  drain(): void {
    this.#departure.drain()
  }

  close({ graceMs = this.#settings.graceMs }: { graceMs?: number } = {}): Promise<void> {
    return this.#departure.close(graceMs)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(socket: Duplex, terms: SessionTerms): void {
    this.#terms = terms
    try {
      this.#host.inject(socket)
    } finally {
      this.#terms = null
    }
  }

  #newDeparture(): Departure {
    return new Departure({
      clock: this.#parts.clock,
      attendance: this.#sessions.attendance,
      release: () => this.#listed.release(),
      turnAway: () => {
        // A watch hears of it, and then stands in the way of the connection's end no longer.
        void this.#health?.leave().then(() => this.#sessions.leaveAll())
        if (this.#health === null) this.#sessions.leaveAll()
      },
      shut: () => {
        this.#door.close()
        this.#sessions.leaveAll()
        return this.#listener.stop()
      },
      cut: () => {
        this.#door.close()
        this.#sessions.destroyAll()
      },
      gone: () => {
        this.#host.destroy()
        this.#stopFollowing()
      },
    })
  }
}
