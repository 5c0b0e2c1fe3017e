/** The connections to one endpoint, and the calls that wait for one. */
import {
  type BottomSettings,
  Dial,
  type DialEnd,
  type Dialled,
  type Endpoint,
  type EndpointConnections,
  type Identity,
  isSecured,
  type MeshParts,
} from '@zerohop/mesh-core/transport'
import { Connection, type ConnectionOwner } from './connection.ts'
import { Swap, type SwapOwner } from './swap.ts'

/** An attempt that needs a connection. */
export interface Claimant {
  /** True where only a connection will do that has not served yet. */
  readonly wantsFresh: boolean
  /** Here it is, for this attempt alone until it calls `release`. */
  granted(connection: Connection): void
  /** None could be made. */
  denied(error: Error): void
}

/**
 * Hands out connections: the one used last first, so that those not needed grow idle and close; calls that must wait are served in their
 * order. What was made for another way, or under an identity that has been replaced, serves until a new connection is there, and goes.
 */
export class Connections implements ConnectionOwner, EndpointConnections, SwapOwner {
  settings: BottomSettings
  readonly #endpoint: Endpoint
  readonly #parts: MeshParts
  readonly #all = new Set<Connection>()
  readonly #free: Connection[] = []
  readonly #dials = new Set<Dial>()
  readonly #waiting = new Set<Claimant>()
  #isSecured = false
  #swap: Swap | null = null
  #retired = false

  constructor(endpoint: Endpoint, parts: MeshParts, settings: BottomSettings) {
    this.#endpoint = endpoint
    this.#parts = parts
    this.settings = settings
  }

  /** Connections and attempts at one: what the policy bounds. A swap may have one more under way. */
  get size(): number {
    return this.#all.size + this.#dials.size
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  get hasOutdated(): boolean {
    return [...this.#all].some((connection) => !this.#isCurrent(connection.made.identity))
  }

  get hasProven(): boolean {
    return [...this.#all].some((connection) => connection.served > 0 && this.#isCurrent(connection.made.identity))
  }

  /** A free connection, or null: then the claimant is told later, unless it withdraws. */
  claim(claimant: Claimant, now: number): Connection | null {
    const secured = isSecured(this.#endpoint, this.settings.mtls, this.#parts)
    if (secured !== this.#isSecured) this.#turn(secured)
    // Those that a permissive policy has kept until there is another: a strict one has come meanwhile.
    else if (this.#swap !== null && this.settings.mtls === 'strict') this.#drop(({ made }) => made.identity === null)
    if (!claimant.wantsFresh) {
      for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
        if (connection.usable && connection.isGoodAt(now)) return connection
        connection.destroy()
      }
    }
    this.#waiting.add(claimant)
    // A new one may need the place of one that is at rest: the one used longest ago.
    if (claimant.wantsFresh && this.size >= this.settings.connections.max) this.#free[0]?.destroy()
    this.#connect()
    return null
  }

  /** The claimant no longer waits. The connection that is being made for it goes to the next one. */
  withdraw(claimant: Claimant): void {
    this.#waiting.delete(claimant)
  }

  /** The identity of this process has been replaced: connections made under the one before are swapped after `delayMs`. */
  renew(delayMs: number): void {
    if (this.#isSecured) this.#swapAfter(delayMs)
  }

  connectionFree(connection: Connection): void {
    const { clock } = this.#parts
    const isDone = connection.isOutdated || (this.#waiting.size > 0 && !connection.isGoodAt(clock.now()))
    const next = isDone ? undefined : this.#nextWaiting(connection.served > 0)
    if (next !== undefined) next.granted(connection)
    // Those who still wait want a new one, for which there is no place unless this one goes.
    else if (isDone || this.#retired || (this.#waiting.size > 0 && this.size >= this.settings.connections.max)) connection.destroy()
    else {
      this.#free.push(connection)
      if (connection.served === 0) connection.rest(clock)
    }
  }

  connectionGone(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#free.indexOf(connection)
    if (at !== -1) this.#free.splice(at, 1)
    this.#connect()
  }

  /** No call will choose this endpoint any more: free connections close, those in use when they are done. Late claims are still served. */
  retire(): void {
    this.#retired = true
    this.#swap?.stop()
    for (const connection of this.#free.splice(0)) connection.destroy()
  }

  /** Closes everything; calls under way are lost. */
  destroy(error: Error): void {
    this.#retired = true
    this.#swap?.stop()
    for (const dial of this.#dials) dial.stop()
    this.#dials.clear()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const claimant of waiting) claimant.denied(error)
    for (const connection of [...this.#all]) connection.destroy()
  }

  connect(done: DialEnd): Dial {
    const dial = new Dial({ endpoint: this.#endpoint, ground: this.#parts, secured: this.#isSecured, alpn: [] }, done)
    dial.start(this.settings.connections.connectTimeoutMs)
    return dial
  }

  swapped(made: Dialled | null): void {
    this.#swap = null
    if (made !== null) this.#add(made)
    this.#dropOutdated()
  }

  // A new certificate is worth waiting for: the old one still holds. Another way is not: whoever takes no mutual TLS any more, or nothing but,
  // would be called in the wrong way for as long as the right one fails.
  swapFailed(error: Error): boolean {
    if ([...this.#all].some(({ made }) => (made.identity !== null) !== this.#isSecured)) return false
    const { service, address } = this.#endpoint
    this.#parts.log.warn(
      `${service}: no connection to ${address} under the new certificate, those under the old one serve on: ${error.message}`,
    )
    return true
  }

  #turn(secured: boolean): void {
    this.#isSecured = secured
    if (this.settings.mtls === 'strict') this.#dropOutdated()
    else this.#swapAfter(0)
  }

  #swapAfter(delayMs: number): void {
    this.#swap?.stop()
    this.#swap = null
    if (this.#retired || !this.hasOutdated) return
    this.#swap = new Swap(this, this.#parts)
    this.#swap.start(delayMs)
  }

  #dropOutdated(): void {
    this.#drop(({ made }) => !this.#isCurrent(made.identity))
  }

  #drop(mustGo: (connection: Connection) => boolean): void {
    for (const connection of [...this.#all]) {
      if (!mustGo(connection)) continue
      connection.isOutdated = true
      if (this.#free.includes(connection)) connection.destroy()
    }
  }

  #isCurrent(identity: Identity | null): boolean {
    return identity === (this.#isSecured ? this.#parts.identity?.current : null)
  }

  #nextWaiting(hasServed: boolean): Claimant | undefined {
    for (const claimant of this.#waiting) {
      if (hasServed && claimant.wantsFresh) continue
      this.#waiting.delete(claimant)
      return claimant
    }
    return undefined
  }

  // One attempt to connect for each call that waits and has none on its way, within the bound.
  #connect(): void {
    while (this.#dials.size < this.#waiting.size && this.size < this.settings.connections.max) {
      this.#dials.add(this.connect(this.#connected))
    }
  }

  #add(made: Dialled): void {
    const { clock, random } = this.#parts
    const { idleMs, maxAgeMs } = this.settings.connections
    // A tenth more or less, so that connections made together do not end together.
    const agedAt = clock.now() + maxAgeMs * (0.9 + 0.2 * random())
    const connection = new Connection(made, this, { idleMs, agedAt })
    this.#all.add(connection)
    this.connectionFree(connection)
  }

  readonly #connected: DialEnd = (dial, made, error) => {
    if (!this.#dials.delete(dial)) {
      made?.socket.destroy()
      return
    }
    if (made === null) {
      this.#nextWaiting(false)?.denied(error as Error)
      this.#connect()
    } else if (this.settings.mtls === 'strict' && made.identity === null) {
      // The policy turned strict meanwhile.
      made.socket.destroy()
      this.#connect()
    } else {
      this.#add(made)
      // Begun before the way or the identity changed.
      if (!this.#isCurrent(made.identity) && this.#swap === null) this.#swapAfter(0)
    }
  }
}
