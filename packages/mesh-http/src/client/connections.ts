/** The connections to one endpoint, and the calls that wait for one. */
import type { Duplex } from 'node:stream'
import type { ConnectionsPolicy, Endpoint, MeshParts, Retirable } from '@zerohop/mesh-core/transport'
import { Connecting } from './connecting.ts'
import { Connection, type ConnectionOwner } from './connection.ts'

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
 * order.
 */
export class Connections implements ConnectionOwner, Retirable {
  policy: ConnectionsPolicy
  readonly #endpoint: Endpoint
  readonly #parts: MeshParts
  readonly #all = new Set<Connection>()
  readonly #free: Connection[] = []
  readonly #connecting = new Set<Connecting>()
  readonly #waiting = new Set<Claimant>()
  #retired = false

  constructor(endpoint: Endpoint, parts: MeshParts, policy: ConnectionsPolicy) {
    this.#endpoint = endpoint
    this.#parts = parts
    this.policy = policy
  }

  /** Connections and attempts at one: what the policy bounds. */
  get size(): number {
    return this.#all.size + this.#connecting.size
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** A free connection, or null: then the claimant is told later, unless it withdraws. */
  claim(claimant: Claimant): Connection | null {
    if (!claimant.wantsFresh) {
      for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
        if (connection.usable) return connection
      }
    }
    this.#waiting.add(claimant)
    // A new one may need the place of one that is at rest: the one used longest ago.
    if (claimant.wantsFresh && this.size >= this.policy.max) this.#free[0]?.destroy()
    this.#connect()
    return null
  }

  /** The claimant no longer waits. The connection that is being made for it goes to the next one. */
  withdraw(claimant: Claimant): void {
    this.#waiting.delete(claimant)
  }

  connectionFree(connection: Connection): void {
    const next = this.#nextWaiting(connection.served > 0)
    if (next !== undefined) next.granted(connection)
    // Those who still wait want a new one, for which there is no place unless this one goes.
    else if (this.#retired || (this.#waiting.size > 0 && this.size >= this.policy.max)) connection.destroy()
    else this.#free.push(connection)
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
    for (const connection of this.#free.splice(0)) connection.destroy()
  }

  /** Closes everything; calls under way are lost. */
  destroy(error: Error): void {
    this.#retired = true
    for (const connecting of this.#connecting) connecting.stop()
    this.#connecting.clear()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const claimant of waiting) claimant.denied(error)
    for (const connection of [...this.#all]) connection.destroy()
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
    while (this.#connecting.size < this.#waiting.size && this.size < this.policy.max) {
      const connecting = new Connecting(this.#endpoint, this.#parts, this.#connected)
      this.#connecting.add(connecting)
      connecting.start(this.policy.connectTimeoutMs)
    }
  }

  readonly #connected = (connecting: Connecting, socket: Duplex | null, error: Error | null): void => {
    if (!this.#connecting.delete(connecting)) {
      socket?.destroy()
      return
    }
    if (socket === null) {
      this.#nextWaiting(false)?.denied(error as Error)
      this.#connect()
      return
    }
    const connection = new Connection(socket, this, this.policy.idleMs)
    this.#all.add(connection)
    this.connectionFree(connection)
  }
}
