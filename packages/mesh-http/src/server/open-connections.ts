/** The connections of a server: which are at rest, and when the last one has gone. */
import type { Duplex } from 'node:stream'
import type { Clock } from '@zerohop/mesh-core/transport'

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

// Callers who still have this server on their lists come again within a few ms when they are busy; those who are not are unlikely to come
// right then.
const quietMs = 100

/** All connections of one server, upgraded ones included. */
export class OpenConnections {
  readonly #bySocket = new Map<Duplex, OpenConnection>()
  #whenEmpty: (() => void)[] = []
  #arrivals = 0
  #cut = false
  #endQuiet = (): void => {}

  get size(): number {
    return this.#bySocket.size
  }

  /** Follows a connection to its end. To be called when it is made, before the parser reads from it. */
  add(socket: Duplex): void {
    if (this.#cut) {
      socket.destroy()
      return
    }
    this.#arrivals++
    const connection = new OpenConnection(socket)
    this.#bySocket.set(socket, connection)
    // 'end' as well as 'close': node answers the caller's FIN with its own and closes only ticks later, in which a handler might call on.
    socket.on('end', () => connection.left())
    socket.on('close', () => {
      connection.left()
      this.#bySocket.delete(socket)
      if (this.#bySocket.size > 0) return
      const waiting = this.#whenEmpty
      this.#whenEmpty = []
      for (const resolve of waiting) resolve()
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
    this.#endQuiet()
    for (const socket of [...this.#bySocket.keys()]) socket.destroy()
  }

  /**
   * Resolves once no connection is left and for a while none has come, or after `ms`: whoever ceases to listen cuts those off who are being
   * taken in.
   */
  async quietWithin(ms: number, clock: Clock): Promise<void> {
    const dueAt = clock.now() + ms
    for (;;) {
      await this.emptyWithin(dueAt - clock.now(), clock)
      const arrivals = this.#arrivals
      const leftMs = dueAt - clock.now()
      if (arrivals === 0 || leftMs <= 0 || this.#cut) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#endQuiet = resolve
      const timer = clock.setTimer(Math.min(quietMs, leftMs), resolve)
      await promise
      timer.cancel()
      if (arrivals === this.#arrivals) return
    }
  }

  /** Resolves once no connection is left, or after `ms`. */
  async emptyWithin(ms: number, clock: Clock): Promise<void> {
    if (this.#bySocket.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty.push(resolve)
    const timer = clock.setTimer(Math.max(ms, 0), resolve)
    await promise
    timer.cancel()
    this.#whenEmpty = this.#whenEmpty.filter((waiting) => waiting !== resolve)
  }
}
