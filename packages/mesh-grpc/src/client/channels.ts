/** The connections to one endpoint: one that takes the calls, and while it is being replaced the next one. */
import {
  type BottomSettings,
  type Endpoint,
  type EndpointConnections,
  isSecured,
  type MeshParts,
  type Timer,
} from '@zerohop/mesh-core/transport'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { WireOptions } from './wire-options.ts'

const firstPauseMs = 1000
const mostPauseMs = 30_000
// A server that is merely slow must not get a new connection for every call that does not wait for it.
const doubtEveryMs = 10_000

/** What the connections of one endpoint have in common. */
export interface ChannelsStart {
  readonly endpoint: Endpoint
  readonly parts: MeshParts
  readonly options: WireOptions
}

/**
 * Hands out the connection. What was made for another way, under an identity that has been replaced, or too long ago serves until a new one is
 * ready, and closes when its calls are done.
 */
export class Channels implements ConnectionOwner, EndpointConnections {
  settings: BottomSettings
  readonly #start: ChannelsStart
  #current: Connection | null = null
  #next: Connection | null = null
  // Those that close when their calls are done.
  readonly #leaving = new Set<Connection>()
  #isSecured = false
  #timer: Timer | null = null
  #pauseMs = firstPauseMs
  #doubtedAt = Number.NEGATIVE_INFINITY
  #isRetired = false

  constructor(start: ChannelsStart, settings: BottomSettings) {
    this.#start = start
    this.settings = settings
  }

  /** Where a call that begins at `now` goes: whoever claims makes its call in the same tick. */
  claim(now: number): Connection {
    const secured = isSecured(this.#start.endpoint, this.settings.mtls, this.#start.parts)
    if (secured !== this.#isSecured) this.#turn(secured)
    // One that a permissive policy has kept until there is another: a strict one has come meanwhile.
    else if (this.settings.mtls === 'strict' && this.#current?.secured === false) this.#letGo(this.#current)
    const current = this.#current
    if (current !== null && current.expiry.leftMs(now) > 0) {
      if (now >= current.agedAt && this.#next === null && this.#timer === null) this.#replace()
      return current
    }
    if (current !== null) this.#letGo(current)
    const fresh = this.#next ?? this.#connect()
    this.#next = null
    this.#current = fresh
    // No call will choose this endpoint any more: this one had chosen it before.
    if (this.#isRetired) queueMicrotask(() => this.#letGo(fresh))
    return fresh
  }

  /** The identity of this process has been replaced: a connection made under the one before is replaced after `delayMs`. */
  renew(delayMs: number): void {
    if (this.#isSecured) this.#replaceAfter(delayMs)
  }

  /** A call ran out of time on `connection`, over which nothing came meanwhile: it may be dead without anybody having been told. */
  doubt(connection: Connection, now: number): void {
    if (connection !== this.#current || this.#next !== null || now < this.#doubtedAt + doubtEveryMs) return
    this.#doubtedAt = now
    this.#replace()
  }

  connectionReady(connection: Connection): void {
    if (connection !== this.#next) {
      // Begun before the way or the identity changed.
      if (connection === this.#current && this.#isOutdated(connection)) this.#replaceAfter(0)
      return
    }
    const old = this.#current
    this.#next = null
    this.#current = connection
    this.#pauseMs = firstPauseMs
    if (old !== null) this.#letGo(old)
  }

  connectionGone(connection: Connection): void {
    this.#leaving.delete(connection)
    if (connection === this.#current) {
      this.#current = this.#next
      this.#next = null
    } else if (connection === this.#next) {
      this.#next = null
      this.#replaceFailed()
    }
  }

  /** No call will choose this endpoint any more: the connection closes when its calls are done. Late claims are still served. */
  retire(): void {
    this.#isRetired = true
    this.#stopReplacing()
    if (this.#current !== null) this.#letGo(this.#current)
  }

  /** Closes everything; calls under way are lost. */
  destroy(reason: Error): void {
    this.#isRetired = true
    const all = [...this.#leaving, this.#current, this.#next]
    this.#current = null
    this.#next = null
    this.#stopReplacing()
    for (const connection of all) connection?.destroy(reason)
  }

  #connect(): Connection {
    const { endpoint, parts, options } = this.#start
    return new Connection({ endpoint, parts, options, settings: this.settings, secured: this.#isSecured }, this)
  }

  // A strict policy lets no further call go in plaintext. Else the old way serves until the new one is there.
  #turn(secured: boolean): void {
    this.#isSecured = secured
    this.#stopReplacing()
    if (this.#current === null) return
    if (this.settings.mtls === 'strict') this.#letGo(this.#current)
    else this.#replace()
  }

  #replaceAfter(delayMs: number): void {
    this.#stopReplacing()
    if (this.#isRetired || this.#current === null) return
    this.#timer = this.#start.parts.clock.setTimer(delayMs, () => {
      this.#timer = null
      if (this.#current !== null && this.#next === null) this.#replace()
    })
  }

  #replace(): void {
    this.#next = this.#connect()
  }

  #replaceFailed(): void {
    const current = this.#current
    if (current === null || this.#isRetired) return
    // A new certificate is worth waiting for: the old one still holds. Another way is not: whoever takes no mutual TLS any more, or nothing but,
    // would be called in the wrong way for as long as the right one fails.
    if (current.secured !== this.#isSecured) {
      this.#letGo(current)
      return
    }
    this.#replaceAfter(this.#pauseMs * (0.5 + this.#start.parts.random() / 2))
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs)
  }

  #stopReplacing(): void {
    this.#timer?.cancel()
    this.#timer = null
    const next = this.#next
    this.#next = null
    next?.retire()
  }

  #letGo(connection: Connection): void {
    if (this.#current === connection) this.#current = null
    this.#leaving.add(connection)
    connection.retire()
  }

  #isOutdated(connection: Connection): boolean {
    if (connection.secured !== this.#isSecured) return true
    return connection.secured && connection.identity !== this.#start.parts.identity?.current
  }
}
