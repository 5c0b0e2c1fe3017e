/** The connections of a server: which are at rest, and when the last one has gone. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  Attendance,
  type Caller,
  type Clock,
  callerAddress,
  type Entrance,
  type Expiry,
  expiryOf,
  type Peer,
} from '@zerohop/mesh-core/transport'

/** A request that is being served over a connection. */
export interface Served {
  /** The caller has gone. */
  left(): void
  /** The connection must not be used again after this request. */
  makeLast(): void
}

// Callers who are members of the mesh leave after their policy's age and a tenth at most: only others have to be told.
const ageMargin = 1.2
// Callers are told to come back over another connection this long before a certificate ends, or for a tenth of what it has left.
const mostMarginMs = 60_000

/** One connection, with the requests that are being served over it: one, or several where the caller pipelines. */
export class OpenConnection {
  readonly socket: Duplex
  /** Who is at the other end; null over plaintext. */
  readonly caller: Caller | null
  /** The address at the other end, without its port; '' where there is none. */
  readonly from: string
  readonly served = new Set<Served>()
  readonly #raw: Duplex
  readonly #expiry: Expiry
  readonly #agedAt: number
  readonly #marginMs: number
  // How many bytes had come when it last was at rest: more than these are the beginning of a request.
  #bytesAtRest = 0

  constructor(socket: Duplex, { peer, entrance, clock, maxAgeMs }: OpenedStart) {
    const { raw, identity } = entrance
    this.socket = socket
    this.#raw = raw
    this.from = callerAddress(raw)
    this.caller = identity === null ? null : { service: identity.serviceOf(peer.spiffeId), spiffeId: peer.spiffeId }
    const now = clock.now()
    this.#expiry = expiryOf(identity, peer, now)
    this.#agedAt = identity === null ? Number.POSITIVE_INFINITY : now + maxAgeMs * ageMargin
    this.#marginMs = Math.min(mostMarginMs, this.#expiry.leftMs(now) / 10)
  }

  /** True where every response from now on is the last one of its connection. */
  isLastAt(now: number): boolean {
    return now >= this.#agedAt || this.#expiry.leftMs(now) <= this.#marginMs
  }

  /** True once the certificate of one end has expired: no request begins here any more. */
  isExpiredAt(now: number): boolean {
    return this.#expiry.leftMs(now) <= 0
  }

  /** A request has been served to its end. */
  release(served: Served): void {
    this.served.delete(served)
    this.#bytesAtRest = bytesRead(this.socket)
  }

  get isAtRest(): boolean {
    return this.served.size === 0 && bytesRead(this.socket) === this.#bytesAtRest
  }

  /** Ends it by a reset rather than in order: a body that ends with its connection would pass for whole. Over TLS the socket below can do so. */
  cut(): void {
    const raw = this.#raw as Partial<Socket> & { destroy(): void }
    if (raw.resetAndDestroy === undefined) this.socket.destroy()
    else raw.resetAndDestroy()
  }

  /** The caller has gone: everybody who serves it is told, in this tick. */
  left(): void {
    for (const served of [...this.served]) served.left()
  }
}

function bytesRead(socket: Duplex): number {
  return (socket as { bytesRead?: number }).bytesRead ?? 0
}

/** How a connection came to be. */
export interface OpenedStart {
  readonly peer: Peer
  readonly entrance: Entrance
  readonly clock: Clock
  /** For how long it may take requests where it is secured. */
  readonly maxAgeMs: number
}

/** All connections of one server, upgraded ones included. */
export class OpenConnections {
  readonly #bySocket = new Map<Duplex, OpenConnection>()
  /** How many there are, and how to wait until there are none. */
  readonly attendance: Attendance
  #cut = false

  constructor(clock: Clock) {
    this.attendance = new Attendance(clock)
  }

  /** Counts a socket, from when it was accepted to its end. False where it was cut at once. */
  arrive(raw: Duplex): boolean {
    if (this.#cut) raw.destroy()
    else {
      this.attendance.arrive()
      raw.once('close', () => this.attendance.leave())
    }
    return !this.#cut
  }

  /** Follows a connection to its end. To be called when it is known who is there, before the parser reads from it. */
  add(socket: Duplex, start: OpenedStart): void {
    const connection = new OpenConnection(socket, start)
    this.#bySocket.set(socket, connection)
    // 'end' as well as 'close': node answers the caller's FIN with its own and closes only ticks later, in which a handler might call on.
    socket.on('end', () => connection.left())
    socket.on('close', () => {
      connection.left()
      this.#bySocket.delete(socket)
    })
  }

  /** The connection of a request's socket; undefined where it has gone. */
  of(socket: Duplex): OpenConnection | undefined {
    return this.#bySocket.get(socket)
  }

  /** Every request that is being served now is the last one of its connection. */
  makeAllLast(): void {
    for (const connection of this.#bySocket.values()) for (const served of connection.served) served.makeLast()
  }

  /** Closes the connections over which nothing is being served and nothing has begun to arrive. */
  closeResting(): void {
    for (const connection of [...this.#bySocket.values()]) if (connection.isAtRest) connection.socket.destroy()
  }

  /** Cuts every connection that is open, and each that still comes. */
  destroyAll(): void {
    this.#cut = true
    this.attendance.endQuiet()
    for (const socket of [...this.#bySocket.keys()]) socket.destroy()
  }
}
