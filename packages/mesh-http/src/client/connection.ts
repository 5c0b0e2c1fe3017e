/** One connection to an endpoint: a socket, and the undici client that speaks HTTP/1.1 over it and ends with it. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock, Dialled, Timer } from '@zerohop/mesh-core/transport'
import type { Dispatcher } from 'undici'
import { UndiciClient } from './undici-client.ts'

/** A head beyond this is refused; a Node.js server refuses to write one a quarter of it. */
const mostHeadBytes = 64 * 1024

// A server's `keep-alive: timeout` is its promise in whole seconds; the request that is on its way must arrive within it.
const hintMarginMs = 1000

/** Whoever owns a connection. */
export interface ConnectionOwner {
  /** The connection can take the next request. */
  connectionFree(connection: Connection): void
  /** The connection is no more. */
  connectionGone(connection: Connection): void
}

/** How long a connection may idle, and from when on it is too old for a request, by the mesh's clock. */
export interface ConnectionLife {
  readonly idleMs: number
  readonly agedAt: number
}

const settled = Promise.resolve()
const noop = (): void => {}

/** Carries one request at a time. */
export class Connection {
  /** Requests that were answered in full. */
  served = 0
  /** True once another one has taken its place: it goes when its request is done. */
  isOutdated = false
  readonly made: Dialled
  readonly #idleMs: number
  readonly #agedAt: number
  readonly #socket: Duplex
  readonly #client: UndiciClient
  readonly #owner: ConnectionOwner
  #resting: Timer | null = null
  #isGone = false

  constructor(made: Dialled, owner: ConnectionOwner, { idleMs, agedAt }: ConnectionLife) {
    const { socket } = made
    this.made = made
    this.#idleMs = idleMs
    this.#agedAt = agedAt
    this.#socket = socket
    this.#owner = owner
    let taken = false
    this.#client = new UndiciClient('http://endpoint', {
      allowH2: false,
      pipelining: 1,
      // Deadlines are the mesh's own; these two would only round them up to whole seconds.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: mostHeadBytes,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      keepAliveTimeoutThreshold: hintMarginMs,
      connect: (_options, callback) => {
        // Asked again, undici wants to replace a socket that died before the request was written. Another connection is the pool's to
        // choose.
        if (taken) {
          callback(Object.assign(new Error('the connection closed before the request was written'), { code: 'ECONNRESET' }), null)
          return
        }
        taken = true
        // In a later microtask: undici takes no socket while it is still asking for one.
        settled.then(() => callback(null, socket as Socket))
      },
    })
    socket.on('close', this.#end)
    socket.on('error', noop)
  }

  /** True where a request may be sent here now. */
  get usable(): boolean {
    return !this.#isGone && !this.#socket.destroyed && !this.#socket.readableEnded
  }

  /** True where a request may begin here at `now`: the connection is not too old, and neither certificate has expired. */
  isGoodAt(now: number): boolean {
    return now < this.#agedAt && this.made.expiry.leftMs(now) > 0
  }

  /** Bytes handed to the system so far; NaN for a stream that does not count them. */
  get bytesWritten(): number {
    return (this.#socket as Partial<Socket>).bytesWritten ?? Number.NaN
  }

  /** Waits for its first request: no longer than an idle one does, and without holding the process. undici looks after it from then on. */
  rest(clock: Clock): void {
    ;(this.#socket as Partial<Socket>).unref?.()
    this.#resting = clock.setTimer(this.#idleMs, () => this.destroy())
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    if (this.#resting !== null) this.#wake()
    this.#client.dispatch(request, handler)
  }

  /** The request that was dispatched is over, well or badly. */
  release(): void {
    this.served++
    // In a later microtask: within the last callback of an answer undici has not yet decided whether it keeps the socket.
    settled.then(this.#offer)
  }

  /** Closes at once; a request under way is lost. */
  destroy(): void {
    this.#client.destroy(null, noop)
    this.#socket.destroy()
    this.#end()
  }

  #wake(): void {
    this.#resting?.cancel()
    this.#resting = null
    ;(this.#socket as Partial<Socket>).ref?.()
  }

  readonly #offer = (): void => {
    if (this.usable) this.#owner.connectionFree(this)
    else this.#end()
  }

  readonly #end = (): void => {
    if (this.#isGone) return
    this.#isGone = true
    this.#resting?.cancel()
    this.#owner.connectionGone(this)
  }
}
