/** One attempt to connect to an endpoint, over a socket or within a network of a test, secured or not. */
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Expiry, expiryOf } from '../identity/expiry.ts'
import { peerOf } from '../identity/proved-peers.ts'
import { secureClient } from '../identity/secure-client.ts'
import { noIdentity, validIdentity } from '../identity/valid-identity.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Identity } from '../kernel/identity.ts'
import type { MeshError } from '../kernel/mesh-error.ts'
import type { Network } from '../kernel/network.ts'
import { Alarm } from '../kernel/timer-wheel.ts'
import type { DialGround } from './dial-ground.ts'
import { hostAddressesOf } from './host-addresses.ts'

/** What is connected to. */
export interface DialStart {
  readonly endpoint: Endpoint
  readonly ground: DialGround
  /** True: by mutual TLS, with the service of the endpoint at the other end. */
  readonly secured: boolean
  /** The protocols that are offered within TLS (ALPN); none where the server knows without. */
  readonly alpn: readonly string[]
}

/** A connection as it was made. */
export interface Dialled {
  readonly socket: Duplex
  /** What this process has shown; null over plaintext. */
  readonly identity: Identity | null
  /** Of the first of the two leaves. */
  readonly expiry: Expiry
}

/**
 * Told once, after `start` has returned and unless it was stopped: here it is, or why there is none, as a MeshError where no identity can be
 * shown or the wrong peer answers, else as node tells it. Called in the moment in which it is there, so that whoever takes it misses nothing
 * that befalls it.
 */
export type DialEnd = (dial: Dial, made: Dialled | null, error: Error | null) => void

/** Makes one connection, or tells why there is none. */
export class Dial extends Alarm {
  readonly #start: DialStart
  readonly #done: DialEnd
  // Whatever must be let go of where this comes to nothing.
  #socket: Duplex | null = null
  #unfollow: (() => void) | null = null
  #timeoutMs = 0
  #isOver = false

  constructor(start: DialStart, done: DialEnd) {
    super(null)
    this.#start = start
    this.#done = done
  }

  /** Gives up by itself after `timeoutMs`, the handshake included; with null whoever starts it bounds it, by `stop`. */
  start(timeoutMs: number | null): void {
    const { ground, secured } = this.#start
    if (timeoutMs !== null) {
      this.#timeoutMs = timeoutMs
      const now = ground.clock.now()
      ground.wheel.set(this, now + timeoutMs, now)
    }
    if (!secured || validIdentity(ground.identity) !== null) this.#open()
    // The first one is on its way, and nothing is wrong: as calls wait for the first endpoints, so they wait for it.
    else if (ground.identity?.problem === '' && ground.identity.current === undefined) {
      this.#unfollow = ground.identity.subscribe(() => {
        this.#stopFollowing()
        this.#open()
      })
    } else this.#failLater(noIdentity(ground.identity, this.#start.endpoint.service))
  }

  /** Nobody wants the connection any more: closes it, handed over or not. */
  stop(): void {
    this.#end()
    this.#socket?.destroy()
  }

  /** NO_IDENTITY while the first identity is awaited: what whoever runs out of time now has lacked. Else null. */
  get lack(): MeshError | null {
    return this.#unfollow === null ? null : noIdentity(this.#start.ground.identity, this.#start.endpoint.service)
  }

  override ring(): void {
    this.#finish(null, this.lack ?? this.#late())
    this.#socket?.destroy()
  }

  #late(): Error {
    const { address } = this.#start.endpoint
    const what =
      this.#socket !== null && isOpen(this.#socket) ? `${address} took a connection, but no TLS handshake` : `no connection to ${address}`
    return Object.assign(new Error(`${what} within ${this.#timeoutMs} ms`), { code: 'ETIMEDOUT' })
  }

  #open(): void {
    const { endpoint, ground } = this.#start
    if (ground.network !== null) {
      queueMicrotask(() => this.#fromNetwork(ground.network as Network))
      return
    }
    const { host, port } = endpoint
    try {
      const lookup = isIP(host) === 0 ? hostAddressesOf(ground).lookup : undefined
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
    else this.#finish({ socket, identity: null, expiry: Expiry.never }, null)
  }

  // With the newest identity, which may have expired while the connection was made.
  #secure(socket: Duplex): void {
    const { endpoint, ground, alpn } = this.#start
    const { service } = endpoint
    const identity = validIdentity(ground.identity)
    if (identity === null) {
      this.#finish(null, noIdentity(ground.identity, service))
      socket.destroy()
      return
    }
    const secure = secureClient(socket, identity, { service, alpn })
    this.#follow(secure)
    secure.once('close', () => this.#finish(null, new Error(`${endpoint.address} closed the connection during the TLS handshake`)))
    secure.once('secureConnect', () => {
      this.#finish({ socket: secure, identity, expiry: expiryOf(identity, peerOf(secure), ground.clock.now()) }, null)
    })
  }

  // Not in this tick: whoever claims is told later, whatever happens.
  #failLater(error: Error): void {
    queueMicrotask(() => this.#finish(null, error))
  }

  #finish(made: Dialled | null, error: Error | null): void {
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
