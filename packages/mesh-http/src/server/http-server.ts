/** serveHttp: a server whose requests pass through the mesh, and which leaves no request behind when it goes. */
import { createServer, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Mesh } from '@zerohop/mesh-core'
import {
  advertisedAddress,
  Departure,
  doorGround,
  type Entrance,
  endOnSignal,
  type LeavingServer,
  Listed,
  Listener,
  type MeshParts,
  type Peer,
  partsOf,
  Readiness,
  ServerDoor,
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
  const server = new HttpServer(partsOf(mesh), app, httpServerSettings(app, options))
  await server.listen()
  if (options.signals !== false) server.endWith(mesh)
  return server
}

// Longer than the 4 s after which a client of the mesh closes an idle connection: the client always closes first, and never writes into a
// connection that the server is closing.
const keepAliveMs = 10_000
// A head is a few packets; whoever needs longer than this for it is holding the connection, not using it.
const headMs = 15_000
// A whole request, uploads included (node's default).
const requestMs = 300_000

class HttpServer implements MeshServer {
  readonly #parts: MeshParts
  readonly #settings: HttpServerSettings
  readonly #server: Server
  readonly #inbound: HttpInbound
  readonly #connections: OpenConnections
  readonly #listener: Listener
  readonly #door: ServerDoor
  readonly #listed: Listed
  readonly #departure: Departure
  #stopFollowing: () => void = () => {}

  constructor(parts: MeshParts, app: HttpApp, settings: HttpServerSettings) {
    this.#parts = parts
    this.#settings = settings
    this.#connections = new OpenConnections(parts.clock)
    const { health: prefix, readiness } = settings
    const unready = (): string => (this.#inbound.draining ? 'draining' : parts.unready)
    const health = prefix === null ? null : new Health(prefix, new Readiness({ readiness, unready, clock: parts.clock }))
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
    this.#listed = new Listed(parts)
    const onConnection = (socket: Duplex, peer: Peer, entrance: Entrance): void => this.#opened(socket, peer, entrance)
    this.#door = new ServerDoor(doorGround(parts, this.#listed), { onConnection })
    const { service, network, log } = parts
    const accept = (socket: Duplex): void => {
      if (this.#connections.arrive(socket)) this.#door.accept(socket)
    }
    this.#listener = new Listener({ service, port: settings.port, host: settings.host, network, log, halfOpen: true, accept })
    this.#departure = this.#newDeparture()
  }

  get address(): string {
    return this.#listener.address
  }

  get port(): number {
    return this.#listener.port
  }

  async listen(): Promise<void> {
    await this.#listener.listen()
    // node's server follows its connections, and so the times within which a request must come, only once it listens; here another one does.
    this.#server.emit('listening')
    const { labels, zone, weight, advertise } = this.#settings.listing
    const address = advertisedAddress(advertise, this.address)
    if (!this.#parts.closing) this.#listed.list({ address, labels, zone, weight })
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

  #newDeparture(): Departure {
    return new Departure({
      clock: this.#parts.clock,
      attendance: this.#connections.attendance,
      release: () => this.#listed.release(),
      turnAway: () => {
        this.#inbound.draining = true
        this.#connections.makeAllLast()
      },
      shut: async () => {
        this.#inbound.refusing = true
        await this.#listener.stop()
        this.#door.close()
        this.#connections.closeResting()
      },
      cut: () => {
        this.#inbound.refusing = true
        this.#door.close()
        this.#connections.destroyAll()
      },
      gone: () => {
        // Ends the looking after connections that are slow.
        this.#server.close()
        this.#stopFollowing()
      },
    })
  }

  #opened(socket: Duplex, peer: Peer, entrance: Entrance): void {
    const { clock, maxAgeMs } = this.#parts
    this.#connections.add(socket, { peer, entrance, clock, maxAgeMs })
    this.#server.emit('connection', socket)
  }
}
