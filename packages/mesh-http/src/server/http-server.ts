/** serveHttp: a server whose requests pass through the mesh, and which leaves no request behind when it goes. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Mesh } from '@zerohop/mesh-core'
import {
  advertisedAddress,
  endOnSignal,
  type MeshParts,
  type Network,
  partsOf,
  Readiness,
  type Registered,
} from '@zerohop/mesh-core/transport'
import type { HttpApp } from './exchange.ts'
import { Health } from './health.ts'
import { HttpInbound } from './http-inbound.ts'
import { OpenConnections } from './open-connections.ts'
import { type HttpServerOptions, type HttpServerSettings, httpServerSettings } from './server-options.ts'
import { endPlainly, plainResponse } from './upgrade.ts'

/** A server that is a member of the mesh. */
export interface MeshServer extends AsyncDisposable {
  /** `host:port`, an IPv6 host in brackets. */
  readonly address: string
  readonly port: number
  /**
   * Asks callers to go elsewhere, and goes on serving: the control API is told first, within a second; then `/readyz` answers 503, and
   * every response ends its connection.
   */
  drain(): void
  /**
   * Drains, serves what still comes for a short while, then stops listening, closes what is idle, waits for what is under way, and cuts the
   * rest after `graceMs` (default: the server's). Resolves when no connection is left. Called again, it can only shorten the wait.
   */
  close(options?: { graceMs?: number }): Promise<void>
}

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
// What an idle client may take to close, and one second: after it, no connection in use has missed the word that it must go.
const lingerMs = 5000

class HttpServer implements MeshServer {
  readonly #parts: MeshParts
  readonly #settings: HttpServerSettings
  readonly #server: Server
  readonly #inbound: HttpInbound
  readonly #connections: OpenConnections
  #stopListening: () => Promise<void> = async () => {}
  #stopFollowing: () => void = () => {}
  #registered: Registered | null = null
  #drained: Promise<void> | null = null
  #drainingSince = 0
  #closed: Promise<void> | null = null
  address = ''
  port = 0

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
    server.on('connection', (socket) => this.#connections.add(socket))
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
  }

  async listen(): Promise<void> {
    const { network } = this.#parts
    if (network === null) await this.#listenOnSocket()
    else this.#listenInMemory(network)
    const { labels, zone, weight, advertise } = this.#settings.listing
    const address = advertisedAddress(advertise, this.address)
    this.#registered = this.#parts.closing ? null : this.#parts.register({ address, labels, zone, weight })
    this.#parts.closeWith({ close: (graceMs) => this.close({ graceMs }) }, 'server')
  }

  /** SIGTERM and SIGINT close `mesh`, and with it this server. */
  endWith(mesh: Mesh): void {
    this.#stopFollowing = endOnSignal({ close: () => mesh.close({ graceMs: this.#settings.graceMs }) })
  }

  drain(): void {
    if (this.#drained !== null) return
    const released = this.#registered?.release() ?? null
    // Off the list first: callers who find this server unready have nowhere better to be sent by a list that still names it.
    this.#drained = released === null ? Promise.resolve() : released.then(() => this.#turnAway())
    if (released === null) this.#turnAway()
  }

  #turnAway(): void {
    this.#inbound.draining = true
    this.#drainingSince = this.#parts.clock.now()
    this.#connections.makeAllLast()
  }

  close({ graceMs = this.#settings.graceMs }: { graceMs?: number } = {}): Promise<void> {
    this.drain()
    const timer = this.#parts.clock.setTimer(graceMs, () => {
      this.#inbound.refusing = true
      this.#connections.destroyAll()
    })
    this.#closed ??= this.#leave(graceMs)
    return this.#closed.finally(() => timer.cancel())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #leave(graceMs: number): Promise<void> {
    const { clock } = this.#parts
    await this.#drained
    const drainedForMs = clock.now() - this.#drainingSince
    // Half of the time at most: what is under way gets the rest.
    await this.#connections.attendance.quietWithin(Math.min(lingerMs, graceMs / 2) - drainedForMs)
    this.#inbound.refusing = true
    const stopped = this.#stopListening()
    this.#connections.closeResting()
    await this.#connections.attendance.emptyWithin(Number.POSITIVE_INFINITY)
    await stopped
    this.#stopFollowing()
  }

  #listenInMemory(network: Network): void {
    const { port, host = '127.0.0.1' } = this.#settings
    this.port = port === 0 ? freePort(network, host) : port
    this.address = `${host}:${this.port}`
    const stop = network.listen(this.address, (socket: Duplex) => this.#server.emit('connection', socket))
    this.#stopListening = async () => stop()
  }

  async #listenOnSocket(): Promise<void> {
    const { port, host } = this.#settings
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve)
    await promise
    this.#server.off('error', reject)
    // Accepting may fail for want of file handles: the next one may succeed.
    this.#server.on('error', (error) =>
      this.#parts.log.error(`${this.#parts.service}: the server on ${this.address} failed: ${error.message}`),
    )
    const bound = this.#server.address() as AddressInfo
    this.port = bound.port
    this.address = `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
    this.#stopListening = () => new Promise((done) => this.#server.close(() => done()))
  }
}

// 49152: the first of the ports that are free for any use, as a system would give.
function freePort(network: Network, host: string): number {
  let port = 49_152
  while (network.isWire(`${host}:${port}`)) port++
  return port
}
