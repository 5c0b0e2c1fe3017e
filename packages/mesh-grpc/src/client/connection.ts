/** One connection to an endpoint: a channel of grpc-js that connects once, carries any number of streams, and ends with its connection. */
import type { OutgoingHttpHeaders } from 'node:http2'
import { type InterceptingListener, connectivityState as State } from '@grpc/grpc-js'
import {
  Alarm,
  type BottomSettings,
  Dial,
  type DialEnd,
  type Endpoint,
  Expiry,
  type Identity,
  type MeshParts,
  type Timer,
} from '@zerohop/mesh-core/transport'
import { InnerChannel, type InnerStream, type OpenSocket } from './inner-channel.ts'
import { type Passenger, WaitingPassengers } from './passengers.ts'
import type { WireOptions } from './wire-options.ts'

/** The protocol that a client offers within TLS. */
export const alpn: readonly string[] = ['h2']

/** What a connection is made of. */
export interface ConnectionStart {
  readonly endpoint: Endpoint
  readonly parts: MeshParts
  /** True: by mutual TLS, with the service of the endpoint at the other end. */
  readonly secured: boolean
  readonly settings: BottomSettings
  readonly options: WireOptions
}

/** Whoever owns a connection. */
export interface ConnectionOwner {
  /** The server has spoken HTTP/2. */
  connectionReady(connection: Connection): void
  /** The connection takes no more calls: it failed, was lost, idled, or the server asked for its end. */
  connectionGone(connection: Connection): void
}

/** Calls may enter at once; those that come before it is ready wait for it. */
export class Connection extends Alarm {
  /** Grows with everything that comes from the server; calls count it. */
  heard = 0
  isReady = false
  isGone = false
  /** From when on a new connection should take over, by the mesh's clock. */
  agedAt = Number.POSITIVE_INFINITY
  /** From when on no call may begin, since a certificate has expired; never while it is not ready. */
  expiry: Expiry = Expiry.never
  /** What this process has shown; null over plaintext, and while it is not ready. */
  identity: Identity | null = null
  /** The codings that the server says it understands; '' while it has said nothing. */
  understood = ''
  readonly secured: boolean
  readonly #start: ConnectionStart
  readonly #owner: ConnectionOwner
  readonly #dial: Dial
  readonly #opened = Promise.withResolvers<OpenSocket>()
  readonly #inner: InnerChannel
  readonly #waiting = new WaitingPassengers()
  #inFlight = 0
  #entered = 0
  #failure: Error | null = null
  #idleTimer: Timer | null = null
  #isRetired = false
  #hasDialled = false

  /** Begins to connect. */
  constructor(start: ConnectionStart, owner: ConnectionOwner) {
    super(null)
    this.#start = start
    this.#owner = owner
    const { endpoint, parts, secured, settings } = start
    this.secured = secured
    this.#dial = new Dial({ endpoint, ground: parts, secured, alpn }, this.#dialled)
    // Where it ends before grpc-js has asked for a socket, nobody listens.
    this.#opened.promise.catch(() => {})
    this.#inner = new InnerChannel(start.options.channel, () => this.#open())
    const now = parts.clock.now()
    parts.wheel.set(this, now + settings.connections.connectTimeoutMs, now)
    this.#inner.channel.getConnectivityState(true)
    this.#follow()
  }

  /** `passenger` comes aboard, and says by `leave` when it is over with it. */
  enter(passenger: Passenger): void {
    this.#inFlight++
    this.#entered++
    if (this.isReady && !this.isGone) passenger.connected()
    else this.#waiting.add(passenger)
  }

  leave(passenger: Passenger): void {
    this.#inFlight--
    this.#waiting.delete(passenger)
    if (this.#isRetired && this.#inFlight === 0) this.#close()
  }

  /** The `:authority` of a call whose program asks for `host`. */
  authority(host: string | null): string {
    const { options, endpoint } = this.#start
    return host ?? options.authority ?? endpoint.service
  }

  /** True unless the server has said that it does not understand `coding`. */
  understands(coding: string): boolean {
    return this.understood === '' || this.understood.split(',').some((name) => name.trim() === coding)
  }

  /** @throws Error where the connection has just ended, or one of its certificates */
  openStream(headers: OutgoingHttpHeaders, to: { path: string; host: string | null }, listener: InterceptingListener): InnerStream {
    const { parts, endpoint } = this.#start
    const leftMs = this.expiry.leftMs(parts.clock.now())
    // It was good when the call came aboard, and the call has waited since: for the connection, or for its own credentials.
    if (leftMs <= 0) throw new Error(`a certificate of the connection to ${endpoint.address} expired before the call began`)
    parts.leastLeft.saw(leftMs)
    return this.#inner.openStream(headers, { path: to.path, authority: this.authority(to.host) }, listener)
  }

  /** Closes as soon as no call is under way. */
  retire(): void {
    this.#isRetired = true
    if (this.#inFlight === 0) this.#close()
  }

  /** Closes at once; calls under way are lost. */
  destroy(reason: Error): void {
    this.#failure ??= reason
    this.#close()
    this.#stopDialling(reason)
  }

  /** Too long without a word of HTTP/2. */
  override ring(): void {
    const { endpoint, settings } = this.#start
    const { connectTimeoutMs } = settings.connections
    const late = new Error(`no HTTP/2 connection to ${endpoint.address} within ${connectTimeoutMs} ms`)
    this.#fail(this.#dial.lack ?? Object.assign(late, { code: 'ETIMEDOUT' }))
  }

  async #open(): Promise<OpenSocket> {
    // It connects once: whoever wants another connection makes another one of these.
    if (this.#hasDialled || this.isGone) throw this.#failure ?? new Error('the connection is over')
    this.#hasDialled = true
    this.#dial.start(null)
    return this.#opened.promise
  }

  readonly #dialled: DialEnd = (_dial, made, error) => {
    if (made === null) {
      this.#failure ??= error as Error
      this.#opened.reject(error)
      return
    }
    const { socket, identity, expiry } = made
    this.identity = identity
    this.expiry = expiry
    this.#opened.resolve({ socket, secured: identity !== null })
  }

  #stopDialling(reason: Error): void {
    this.#dial.stop()
    this.#opened.reject(reason)
  }

  #follow(): void {
    const { channel } = this.#inner
    const state = channel.getConnectivityState(false)
    if (state !== State.SHUTDOWN) channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, this.#moved)
  }

  readonly #moved = (): void => {
    const state = this.#inner.channel.getConnectivityState(false)
    // In another tick: grpc-js says that it is ready before it can open a stream.
    if (state === State.READY) process.nextTick(() => this.#ready())
    else if (state === State.TRANSIENT_FAILURE) {
      const { endpoint } = this.#start
      this.#fail(this.#failure ?? new Error(`${endpoint.address} closed the connection before it spoke HTTP/2`))
    } else if (state === State.IDLE) this.#closeLater()
    this.#follow()
  }

  #ready(): void {
    if (this.isGone) return
    this.clear()
    this.isReady = true
    const { parts, settings } = this.#start
    // A tenth more or less, so that connections made together do not end together.
    this.agedAt = parts.clock.now() + settings.connections.maxAgeMs * (0.9 + 0.2 * parts.random())
    this.#awaitIdleness()
    this.#owner.connectionReady(this)
    this.#waiting.board()
  }

  #awaitIdleness(): void {
    const { parts, options } = this.#start
    const entered = this.#entered
    this.#idleTimer = parts.clock.setTimer(options.idleMs, () => {
      if (this.#inFlight === 0 && this.#entered === entered) this.#close()
      else this.#awaitIdleness()
    })
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#closeLater()
    this.#stopDialling(error)
  }

  // Calls whose streams are open live on. In another tick: grpc-js is in the middle of telling everybody.
  #closeLater(): void {
    this.#gone()
    process.nextTick(() => this.#inner.channel.close())
  }

  #close(): void {
    this.#gone()
    this.#inner.channel.close()
    if (!this.isReady) this.#stopDialling(this.#failure ?? new Error('the connection is not needed any more'))
  }

  #gone(): void {
    this.clear()
    this.#idleTimer?.cancel()
    if (this.isGone) return
    this.isGone = true
    this.#owner.connectionGone(this)
    this.#waiting.turnAway(this.#failure ?? new Error('the connection ended before the call began'))
  }
}
