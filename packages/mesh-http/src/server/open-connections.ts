/** The connections of a server: which are at rest, and when the last one has gone. */
import type { Duplex } from 'node:stream'
import { Attendance, type Clock } from '@zerohop/mesh-core/transport'

/** A request that is being served over a connection. */
export interface Served {
  /** The caller has gone. */
  left(): void
  /** The connection must not be used again after this request. */
  makeLast(): void
}

/** One connection, with the requests that are being served over it: one, or several where the caller pipelines. */
export class OpenConnection {
  readonly socket: Duplex
  readonly served = new Set<Served>()
  // How many bytes had come when it last was at rest: more than these are the beginning of a request.
  #bytesAtRest = 0

  constructor(socket: Duplex) {
    this.socket = socket
  }

  /** A request has been served to its end. */
  release(served: Served): void {
    this.served.delete(served)
    this.#bytesAtRest = bytesRead(this.socket)
  }

  get isAtRest(): boolean {
    return this.served.size === 0 && bytesRead(this.socket) === this.#bytesAtRest
  }

  /** The caller has gone: everybody who serves it is told, in this tick. */
  left(): void {
    for (const served of [...this.served]) served.left()
  }
}

function bytesRead(socket: Duplex): number {
  return (socket as { bytesRead?: number }).bytesRead ?? 0
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

  /** Follows a connection to its end. To be called when it is made, before the parser reads from it. */
  add(socket: Duplex): void {
    if (this.#cut) {
      socket.destroy()
      return
    }
    this.attendance.arrive()
    const connection = new OpenConnection(socket)
    this.#bySocket.set(socket, connection)
    // 'end' as well as 'close': node answers the caller's FIN with its own and closes only ticks later, in which a handler might call on.
    socket.on('end', () => connection.left())
    socket.on('close', () => {
      connection.left()
      if (this.#bySocket.delete(socket)) this.attendance.leave()
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

  /** Cuts every connection, and each that still comes. */
  destroyAll(): void {
    this.#cut = true
    this.attendance.endQuiet()
    for (const socket of [...this.#bySocket.keys()]) socket.destroy()
  }
}
