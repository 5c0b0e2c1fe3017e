/** One connection to an endpoint: a channel of grpc-js that connects once, carries any number of calls, and ends with its connection. */
import { type Channel, connectivityState as State } from '@grpc/grpc-js'
import { Alarm, type BottomSettings, type Identity } from '@zerohop/mesh-core/transport'
import { Dial, type DialStart } from './dial.ts'
import { type InnerCall, openInnerChannel } from './inner-channel.ts'
import type { WireOptions } from './wire-options.ts'

/** What a connection is made of. */
export interface ConnectionStart extends DialStart {
  readonly settings: BottomSettings
  readonly options: WireOptions
}

/** Whoever owns a connection. */
export interface ConnectionOwner {
  /** The server has spoken HTTP/2: calls do not wait any more. */
  connectionReady(connection: Connection): void
  /** The connection takes no more calls: it failed, was lost, or the server asked for its end. */
  connectionGone(connection: Connection): void
}

/** Calls may begin at once; those that begin before it is ready wait, and fail with it. */
export class Connection extends Alarm {
  /** Calls under way. */
  inFlight = 0
  /** Grows with everything that comes from the server; calls count it. */
  heard = 0
  isReady = false
  isGone = false
  /** From when on a new connection should take over, by the mesh's clock. */
  agedAt = Number.POSITIVE_INFINITY
  /** From when on no call may begin, since a certificate has expired. */
  goodUntil = Number.POSITIVE_INFINITY
  /** What this process has shown; null over plaintext, and while it is not ready. */
  identity: Identity | null = null
  readonly secured: boolean
  /** Why there is no connection; null while there is one, or may be. */
  failure: Error | null = null
  readonly #start: ConnectionStart
  readonly #owner: ConnectionOwner
  readonly #dial: Dial
  readonly #channel: Channel
  #isRetired = false
  #hasDialled = false

  /** Begins to connect. */
  constructor(start: ConnectionStart, owner: ConnectionOwner) {
    super(null)
    this.#start = start
    this.#owner = owner
    this.secured = start.secured
    this.#dial = new Dial(start)
    const { parts, settings, endpoint } = start
    this.#channel = openInnerChannel({
      options: {
        'grpc.default_authority': endpoint.service,
        // Nobody could tell the channels to the endpoints of a service apart in it, and it costs time on every message.
        'grpc.enable_channelz': 0,
        ...start.options.channel,
        'grpc.enable_retries': 0,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_http_proxy': 0,
        // The door has measured every message before.
        'grpc.max_send_message_length': -1,
      },
      open: () => this.#open(),
    })
    const now = parts.clock.now()
    parts.wheel.set(this, now + settings.connections.connectTimeoutMs, now)
    this.#channel.getConnectivityState(true)
    this.#follow()
  }

  /** A call over this connection. Whoever makes it says by `release` when it is over. */
  createCall(path: string, host: string | null): InnerCall {
    this.inFlight++
    return this.#channel.createCall(path, Number.POSITIVE_INFINITY, host, null, null)
  }

  release(): void {
    this.inFlight--
    if (this.#isRetired && this.inFlight === 0) this.#close()
  }

  /** Closes as soon as no call is under way. */
  retire(): void {
    this.#isRetired = true
    if (this.inFlight === 0) this.#close()
  }

  /** Closes at once; calls under way are lost. */
  destroy(reason: Error): void {
    this.failure ??= reason
    this.#close()
    this.#dial.stop(reason)
  }

  /** Too long without a word of HTTP/2. */
  override ring(): void {
    const { endpoint, settings } = this.#start
    const { connectTimeoutMs } = settings.connections
    this.#fail(Object.assign(new Error(`no HTTP/2 connection to ${endpoint.address} within ${connectTimeoutMs} ms`), { code: 'ETIMEDOUT' }))
  }

  async #open() {
    // It connects once: whoever wants another connection makes another one of these.
    if (this.#hasDialled || this.isGone) throw this.failure ?? new Error('the connection is over')
    this.#hasDialled = true
    try {
      const { socket, identity, goodUntil } = await this.#dial.open()
      this.identity = identity
      this.goodUntil = goodUntil
      return { socket, secured: identity !== null }
    } catch (error) {
      this.failure ??= error as Error
      throw error
    }
  }

  #follow(): void {
    const state = this.#channel.getConnectivityState(false)
    if (state !== State.SHUTDOWN) this.#channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, this.#moved)
  }

  readonly #moved = (): void => {
    const state = this.#channel.getConnectivityState(false)
    if (state === State.READY) this.#ready()
    else if (state === State.TRANSIENT_FAILURE) {
      const { endpoint } = this.#start
      this.#fail(this.failure ?? new Error(`${endpoint.address} closed the connection before it spoke HTTP/2`))
    } else if (this.isReady && state !== State.SHUTDOWN) this.#leave()
    this.#follow()
  }

  #ready(): void {
    this.clear()
    this.isReady = true
    const { parts, settings } = this.#start
    // A tenth more or less, so that connections made together do not end together.
    this.agedAt = parts.clock.now() + settings.connections.maxAgeMs * (0.9 + 0.2 * parts.random())
    this.#owner.connectionReady(this)
  }

  #fail(error: Error): void {
    this.failure ??= error
    this.#leave()
    this.#dial.stop(error)
  }

  // Calls whose streams are open live on. In another tick: grpc-js is in the middle of telling everybody.
  #leave(): void {
    this.#gone()
    process.nextTick(() => this.#channel.close())
  }

  #close(): void {
    this.#gone()
    this.#channel.close()
    if (!this.isReady) this.#dial.stop(this.failure ?? new Error('the connection is not needed any more'))
  }

  #gone(): void {
    this.clear()
    if (this.isGone) return
    this.isGone = true
    this.#owner.connectionGone(this)
  }
}
