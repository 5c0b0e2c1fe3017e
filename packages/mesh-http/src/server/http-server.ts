/** serveHttp: a server whose requests pass through the mesh, and which leaves no request behind when it goes. */
import { createServer, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Mesh } from '@zerohop/mesh-core'
import {
  type Attendance,
  doorGround,
  type Entrance,
  type LeavingServer,
  type MeshParts,
  type Peer,
  partsOf,
  ServerDoor,
  type ServingWire,
  StandingServer,
} from '@zerohop/mesh-core/transport'
import type { HttpApp } from './exchange.ts'
import { Health } from './health.ts'
import { HttpInbound } from './http-inbound.ts'
import { OpenConnections } from './open-connections.ts'
import { type HttpServerOptions, type HttpServerSettings, httpServerSettings } from './server-options.ts'
import { endPlainly, plainResponse } from './upgrade.ts'

/** A server that is a member of the mesh. */
export type MeshServer = LeavingServer

/**
 * Serves `app` (anything that takes node's request and response) as the mesh's service; resolves once it listens.
 * @throws MeshError BAD_OPTIONS with all problems; node's own error where the address cannot be had
 */
export async function serveHttp(mesh: Mesh, app: HttpApp, options: HttpServerOptions): Promise<MeshServer> {
  const settings = httpServerSettings(app, options)
  const server = new HttpServer(partsOf(mesh), app, settings)
  const { standing } = server
  await standing.listen()
  server.follow()
  if (settings.signals) standing.endWith(mesh)
  return standing
}

// Longer than the 4 s after which a client of the mesh closes an idle connection: the client always closes first, and never writes into a
// connection that the server is closing.
const keepAliveMs = 10_000
// A head is a few packets; whoever needs longer than this for it is holding the connection, not using it.
const headMs = 15_000
// A whole request, uploads included (node's default).
const requestMs = 300_000

class HttpServer implements ServingWire {
  readonly standing: StandingServer
  readonly halfOpen = true
  readonly #parts: MeshParts
  readonly #server: Server
  readonly #inbound: HttpInbound
  readonly #connections: OpenConnections
  readonly #door: ServerDoor

  constructor(parts: MeshParts, app: HttpApp, settings: HttpServerSettings) {
    this.#parts = parts
    this.#connections = new OpenConnections(parts.clock)
    this.standing = new StandingServer(parts, settings, this)
    const health = settings.health === null ? null : new Health(settings.health, this.standing.readiness)
    const inbound = new HttpInbound({ parts, app, upgrade: settings.upgrade, health, connections: this.#connections })
    this.#inbound = inbound
    const server = createServer({
      maxHeaderSize: settings.maxHeaderBytes,
      keepAliveTimeout: keepAliveMs,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: 2000,
    })
    server.on('request', (request, response) => inbound.request(request, response, false))
    server.on('checkContinue', (request, response) => inbound.request(request, response, true))
    // Without a listener node serves the request as if it had not asked, as RFC 9110 allows: Java's client asks for h2c on every first
    // request.
    if (settings.upgrade !== null) server.on('upgrade', (request, socket, head) => inbound.upgrade(request, socket, head))
    server.on('connect', (_request, socket) => {
      socket.on('error', () => {})
      const answer = plainResponse(405, { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', 'content-length': '0' }, '')
      endPlainly(socket, answer, parts.clock)
    })
    this.#server = server
    const onConnection = (socket: Duplex, peer: Peer, entrance: Entrance): void => this.#opened(socket, peer, entrance)
    this.#door = new ServerDoor(doorGround(parts, this.standing.listed), { onConnection })
  }

  /** Looks after the times within which a request must come: as node's server does once it listens. Here another one does. */
  follow(): void {
    this.#server.emit('listening')
  }

  get attendance(): Attendance {
    return this.#connections.attendance
  }

  accept(socket: Duplex): void {
    if (this.#connections.arrive(socket)) this.#door.accept(socket)
  }

  turnAway(): void {
    this.#inbound.draining = true
    this.#connections.makeAllLast()
  }

  async shut(stopListening: () => Promise<void>): Promise<void> {
    this.#inbound.refusing = true
    await stopListening()
    this.#door.close()
    this.#connections.closeResting()
  }

  cut(): void {
    this.#inbound.refusing = true
    this.#door.close()
    this.#connections.destroyAll()
  }

  gone(): void {
    // Ends the looking after connections that are slow.
    this.#server.close()
  }

  #opened(socket: Duplex, peer: Peer, entrance: Entrance): void {
    const { clock, maxAgeMs } = this.#parts
    this.#connections.add(socket, { peer, entrance, clock, maxAgeMs })
    this.#server.emit('connection', socket)
  }
}
