/** All connections of a mesh over one wire: they outlive every policy, go with their endpoints, and turn over with the identity of this process. */
import type { Random } from '../kernel/clock.ts'
import type { Endpoint, Retirable } from '../kernel/endpoint.ts'
import type { Identity, IdentitySource } from '../kernel/identity.ts'

/** What a wire keeps for one endpoint. */
export interface EndpointConnections extends Retirable {
  /** What new connections are made by, as whoever came last wants it. */
  settings: unknown
  /** The identity of this process has been replaced: connections made under the one before are replaced after `delayMs`. */
  renew(delayMs: number): void
  /** Closes everything at once; calls under way are lost. */
  destroy(reason: Error): void
}

/** What the table needs of its mesh, whose parts fit. */
export interface TableGround {
  readonly identity: IdentitySource | null
  readonly random: Random
}

// Whoever believes new roots gets new connections from everybody: in this time, so that no server meets all of its callers in one second.
const rootSpreadMs = 30_000
// A handshake takes about a millisecond of this process: a tenth of its time at most goes into them.
const leafSpreadMs = 10

/** One per mesh and wire. */
export class ConnectionTable<C extends EndpointConnections> {
  readonly #ground: TableGround
  readonly #make: (endpoint: Endpoint, settings: C['settings']) => C
  readonly #table = new Map<Endpoint, C>()
  readonly #unfollow: () => void
  #identity: Identity | undefined
  /** True once the mesh has closed. */
  closed = false

  /** @param make makes what is kept for an endpoint, when it is met for the first time */
  constructor(ground: TableGround, make: (endpoint: Endpoint, settings: C['settings']) => C) {
    this.#ground = ground
    this.#make = make
    this.#identity = ground.identity?.current
    this.#unfollow = ground.identity?.subscribe((identity) => this.#renew(identity)) ?? (() => {})
  }

  /** Endpoints to which there are connections. */
  get size(): number {
    return this.#table.size
  }

  /** The connections to `endpoint`, under the settings given last. */
  to(endpoint: Endpoint, settings: C['settings']): C {
    const connections = this.#table.get(endpoint)
    if (connections === undefined) return this.#add(endpoint, settings)
    connections.settings = settings
    return connections
  }

  /** Closes all connections at once. */
  async close(): Promise<void> {
    this.closed = true
    this.#unfollow()
    const reason = Object.assign(new Error('the mesh is closed'), { code: 'ERR_MESH_CLOSED' })
    const all = [...this.#table.values()]
    this.#table.clear()
    for (const connections of all) connections.destroy(reason)
  }

  #add(endpoint: Endpoint, settings: C['settings']): C {
    const connections = this.#make(endpoint, settings)
    this.#table.set(endpoint, connections)
    endpoint.whenGone({
      retire: () => {
        this.#table.delete(endpoint)
        connections.retire()
      },
    })
    return connections
  }

  #renew(identity: Identity): void {
    const before = this.#identity
    this.#identity = identity
    const areRootsNew = before !== undefined && !isSame(before.bundle.roots, identity.bundle.roots)
    // Never beyond half of what the old certificate has left.
    const leftMs = Math.max(0, (before?.notAfter ?? 0) - Date.now()) / 2
    const spreadMs = Math.min(rootSpreadMs, leftMs, areRootsNew ? rootSpreadMs : leafSpreadMs * this.#table.size)
    for (const connections of this.#table.values()) connections.renew(this.#ground.random() * spreadMs)
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((root) => other.includes(root))
}
