/** One socket to an endpoint, connected, and secured where that is asked for. */
import { connect as connectSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type Endpoint,
  type Identity,
  type MeshError,
  type MeshParts,
  noIdentity,
  peerOf,
  secureClient,
  validIdentity,
} from '@zerohop/mesh-core/transport'

/** What is connected to. */
export interface DialStart {
  readonly endpoint: Endpoint
  readonly parts: MeshParts
  /** True: by mutual TLS, with the service of the endpoint at the other end. */
  readonly secured: boolean
}

/** A socket that is ready for HTTP/2. */
export interface Dialled {
  readonly socket: Duplex
  /** What this process has shown; null over plaintext. */
  readonly identity: Identity | null
  /** When the first of the two leaves expires, by the mesh's clock; Infinity over plaintext. */
  readonly goodUntil: number
}

/** Connects once. Whoever starts it bounds it, by `stop`. */
export class Dial {
  readonly #start: DialStart
  readonly #result = Promise.withResolvers<Dialled>()
  // Whatever must be let go of where this comes to nothing.
  #socket: Duplex | null = null
  #unfollow: (() => void) | null = null
  #isStopped = false

  constructor(start: DialStart) {
    this.#start = start
    // Whoever stops it need not listen.
    this.#result.promise.catch(() => {})
  }

  /** @returns the socket; rejects with a MeshError where no identity can be shown, or where the wrong peer answers, else as node does */
  open(): Promise<Dialled> {
    const { parts, endpoint, secured } = this.#start
    const source = parts.identity
    if (!secured || validIdentity(source) !== null) this.#connect()
    // The first one is on its way: as calls wait for the first endpoints, so they wait for it.
    else if (source !== null && source.current === undefined) {
      this.#unfollow = source.subscribe(() => {
        this.#stopFollowing()
        this.#connect()
      })
    } else this.#result.reject(noIdentity(source, endpoint.service))
    return this.#result.promise
  }

  /** What it comes to if it is stopped now: NO_IDENTITY while the first identity is awaited, else null. */
  get lack(): MeshError | null {
    return this.#unfollow === null ? null : noIdentity(this.#start.parts.identity, this.#start.endpoint.service)
  }

  /** Closes the socket, handed over or not. `reason` is told to whoever still waits for it. */
  stop(reason: Error): void {
    this.#isStopped = true
    this.#stopFollowing()
    this.#result.reject(reason)
    this.#socket?.destroy()
  }

  #connect(): void {
    const { parts, endpoint, secured } = this.#start
    try {
      if (parts.network !== null) {
        const socket = this.#follow(parts.network.connect(endpoint.address))
        // What stands in for a socket is open as it comes.
        if (secured) this.#secure(socket)
        else this.#result.resolve({ socket, identity: null, goodUntil: Number.POSITIVE_INFINITY })
        return
      }
      const socket = connectSocket({
        host: endpoint.host,
        port: endpoint.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 60_000,
      })
      this.#follow(socket).once('connect', () => {
        if (secured) this.#secure(socket)
        else this.#result.resolve({ socket, identity: null, goodUntil: Number.POSITIVE_INFINITY })
      })
    } catch (error) {
      this.#result.reject(error)
    }
  }

  #follow<S extends Duplex>(socket: S): S {
    this.#socket = socket
    socket.on('error', (error) => this.#result.reject(plainError(error)))
    return socket
  }

  // With the newest identity, which may have expired while the connection was made.
  #secure(socket: Duplex): void {
    const { parts, endpoint } = this.#start
    const identity = validIdentity(parts.identity)
    if (identity === null || this.#isStopped) {
      this.#result.reject(noIdentity(parts.identity, endpoint.service))
      socket.destroy()
      return
    }
    const secured = this.#follow(secureClient(socket, identity, { service: endpoint.service, alpn: ['h2'] }))
    secured.once('close', () => this.#result.reject(new Error(`${endpoint.address} closed the connection during the TLS handshake`)))
    secured.once('secureConnect', () => {
      const leftMs = Math.min(identity.notAfter, peerOf(secured).notAfter) - Date.now()
      this.#result.resolve({ socket: secured, identity, goodUntil: parts.clock.now() + leftMs })
    })
  }

  #stopFollowing(): void {
    this.#unfollow?.()
    this.#unfollow = null
  }
}

// Of a name with several addresses, each of which failed, the first failure says more than the empty message of the whole.
function plainError(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
