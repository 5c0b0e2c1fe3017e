/** One attempt to connect to an endpoint, over a socket or within a network of a test. */
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Alarm, type Endpoint, type MeshParts } from '@zerohop/mesh-core/transport'
import { hostAddressesOf } from './host-addresses.ts'

/** Makes one connection, or tells why there is none. */
export class Connecting extends Alarm {
  readonly #endpoint: Endpoint
  readonly #parts: MeshParts
  readonly #done: (connecting: Connecting, socket: Duplex | null, error: Error | null) => void
  #socket: Socket | null = null
  #timeoutMs = 0

  constructor(endpoint: Endpoint, parts: MeshParts, done: (connecting: Connecting, socket: Duplex | null, error: Error | null) => void) {
    super(null)
    this.#endpoint = endpoint
    this.#parts = parts
    this.#done = done
  }

  /** Gives up by itself after `timeoutMs`; with null whoever starts it bounds it, by `stop`. */
  start(timeoutMs: number | null): void {
    const { network, wheel, clock } = this.#parts
    if (network !== null) {
      queueMicrotask(this.#fromNetwork)
      return
    }
    if (timeoutMs !== null) {
      this.#timeoutMs = timeoutMs
      const now = clock.now()
      wheel.set(this, now + timeoutMs, now)
    }
    const { host, port } = this.#endpoint
    let socket: Socket
    try {
      const lookup = isIP(host) === 0 ? hostAddressesOf(this.#parts).lookup : undefined
      socket = connectSocket({ host, port, lookup, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 })
    } catch (error) {
      // Not in this tick: whoever claims is told later, whatever happens.
      queueMicrotask(() => this.#fail(error as Error))
      return
    }
    this.#socket = socket
    socket.once('connect', () => this.#finish(socket, null))
    socket.on('error', (error) => this.#finish(null, plainError(error)))
  }

  /** Nobody wants the connection any more. */
  stop(): void {
    this.clear()
    this.#socket?.destroy()
  }

  override ring(): void {
    const socket = this.#socket
    const error = new Error(`no connection to ${this.#endpoint.address} within ${this.#timeoutMs} ms`)
    this.#finish(null, Object.assign(error, { code: 'ETIMEDOUT' }))
    socket?.destroy()
  }

  #fail(error: Error): void {
    this.clear()
    this.#done(this, null, error)
  }

  #finish(socket: Duplex | null, error: Error | null): void {
    this.clear()
    if (this.#socket === null) return
    this.#socket = null
    this.#done(this, socket, error)
  }

  readonly #fromNetwork = (): void => {
    let socket: Duplex
    try {
      socket = (this.#parts.network as NonNullable<MeshParts['network']>).connect(this.#endpoint.address)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#done(this, socket, null)
  }
}

// Of a name with several addresses, each of which failed, the first failure says more than the empty message of the whole.
function plainError(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
