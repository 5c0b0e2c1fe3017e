/** One attempt to connect to an endpoint, over a socket or within a network of a test, secured or not. */
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import {
  Alarm,
  type Endpoint,
  type Identity,
  type MeshParts,
  type Network,
  noIdentity,
  peerOf,
  secureClient,
  validIdentity,
} from '@zerohop/mesh-core/transport'
import { hostAddressesOf } from './host-addresses.ts'

/** What is connected to. */
export interface ConnectingStart {
  readonly endpoint: Endpoint
  readonly parts: MeshParts
  /** True: by mutual TLS, with the service of the endpoint at the other end. */
  readonly secured: boolean
}

/** A connection as it was made. */
export interface Made {
  readonly socket: Duplex
  /** What this process has shown; null over plaintext. */
  readonly identity: Identity | null
  /** When the first of the two leaves expires, by the mesh's clock; Infinity over plaintext. */
  readonly goodUntil: number
}

/** Told once: here it is, or why there is none. */
export type Connected = (connecting: Connecting, made: Made | null, error: Error | null) => void

/** Makes one connection, or tells why there is none. */
export class Connecting extends Alarm {
  readonly #start: ConnectingStart
  readonly #done: Connected
  // Whatever must be let go of where this comes to nothing.
  #socket: Duplex | null = null
  #unfollow: (() => void) | null = null
  #timeoutMs = 0
  #isOver = false

  constructor(start: ConnectingStart, done: Connected) {
    super(null)
    this.#start = start
    this.#done = done
  }

  /** Gives up by itself after `timeoutMs`, the handshake included; with null whoever starts it bounds it, by `stop`. */
  start(timeoutMs: number | null): void {
    const { parts, secured } = this.#start
    if (timeoutMs !== null) {
      this.#timeoutMs = timeoutMs
      const now = parts.clock.now()
      parts.wheel.set(this, now + timeoutMs, now)
    }
    if (!secured || validIdentity(parts.identity) !== null) this.#open()
    // The first one is on its way: as calls wait for the first endpoints, so they wait for it.
    else if (parts.identity !== null && parts.identity.current === undefined) {
      this.#unfollow = parts.identity.subscribe(() => {
        this.#stopFollowing()
        this.#open()
      })
    } else this.#failLater(noIdentity(parts.identity, this.#start.endpoint.service))
  }

  /** Nobody wants the connection any more. */
  stop(): void {
    this.#end()
    this.#socket?.destroy()
  }

  override ring(): void {
    const { endpoint, parts } = this.#start
    if (this.#unfollow !== null) {
      this.#finish(null, noIdentity(parts.identity, endpoint.service))
      return
    }
    const what =
      this.#socket !== null && isOpen(this.#socket)
        ? `${endpoint.address} took a connection, but no TLS handshake`
        : `no connection to ${endpoint.address}`
    this.#finish(null, Object.assign(new Error(`${what} within ${this.#timeoutMs} ms`), { code: 'ETIMEDOUT' }))
    this.#socket?.destroy()
  }

  #open(): void {
    const { endpoint, parts } = this.#start
    if (parts.network !== null) {
      queueMicrotask(() => this.#fromNetwork(parts.network as Network))
      return
    }
    const { host, port } = endpoint
    try {
      const lookup = isIP(host) === 0 ? hostAddressesOf(parts).lookup : undefined
      const socket = connectSocket({ host, port, lookup, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 })
      this.#follow(socket)
      socket.once('connect', () => this.#connected(socket))
    } catch (error) {
      this.#failLater(error as Error)
    }
  }

  #fromNetwork(network: Network): void {
    if (this.#isOver) return
    let socket: Duplex
    try {
      socket = network.connect(this.#start.endpoint.address)
    } catch (error) {
      this.#finish(null, error as Error)
      return
    }
    this.#follow(socket)
    this.#connected(socket)
  }

  #follow(socket: Duplex): void {
    this.#socket = socket
    socket.on('error', (error) => this.#finish(null, plainError(error)))
  }

  #connected(socket: Duplex): void {
    if (this.#isOver) return
    if (this.#start.secured) this.#secure(socket)
    else this.#finish({ socket, identity: null, goodUntil: Number.POSITIVE_INFINITY }, null)
  }

  // With the newest identity, which may have expired while the connection was made.
  #secure(socket: Duplex): void {
    const { endpoint, parts } = this.#start
    const identity = validIdentity(parts.identity)
    if (identity === null) {
      this.#finish(null, noIdentity(parts.identity, endpoint.service))
      socket.destroy()
      return
    }
    const secure: TLSSocket = secureClient(socket, identity, endpoint.service)
    this.#follow(secure)
    secure.once('close', () => this.#finish(null, new Error(`${endpoint.address} closed the connection during the TLS handshake`)))
    secure.once('secureConnect', () => {
      const leftMs = Math.min(identity.notAfter, peerOf(secure).notAfter) - Date.now()
      this.#finish({ socket: secure, identity, goodUntil: parts.clock.now() + leftMs }, null)
    })
  }

  // Not in this tick: whoever claims is told later, whatever happens.
  #failLater(error: Error): void {
    queueMicrotask(() => this.#finish(null, error))
  }

  #finish(made: Made | null, error: Error | null): void {
    if (this.#isOver) return
    this.#end()
    this.#done(this, made, error)
  }

  #end(): void {
    this.#isOver = true
    this.clear()
    this.#stopFollowing()
  }

  #stopFollowing(): void {
    this.#unfollow?.()
    this.#unfollow = null
  }
}

function isOpen(socket: Duplex): boolean {
  return (socket as Partial<Socket>).connecting !== true
}

// Of a name with several addresses, each of which failed, the first failure says more than the empty message of the whole.
function plainError(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
