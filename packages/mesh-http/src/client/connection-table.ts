/** All connections of a mesh: they outlive every policy, and turn over with the identity of this process. */
import type { BottomSettings, Endpoint, Identity, MeshParts } from '@zerohop/mesh-core/transport'
import { Connections } from './connections.ts'

// Whoever believes new roots gets new connections from everybody: in this time, so that no server meets all of its callers in one second.
const rootSpreadMs = 30_000
// A handshake takes about a millisecond of this process: a tenth of its time at most goes into them.
const leafSpreadMs = 10

/** The connections of a mesh by endpoint, with which they go. */
export class ConnectionTable {
  readonly #parts: MeshParts
  readonly #table = new Map<Endpoint, Connections>()
  readonly #unfollow: () => void
  #identity: Identity | undefined
  /** True once the mesh has closed. */
  closed = false

  constructor(parts: MeshParts) {
    this.#parts = parts
    this.#identity = parts.identity?.current
    this.#unfollow = parts.identity?.subscribe((identity) => this.#renew(identity)) ?? (() => {})
  }

  /** The connections to `endpoint`, under the settings given last. */
  to(endpoint: Endpoint, settings: BottomSettings): Connections {
    const connections = this.#table.get(endpoint)
    if (connections === undefined) return this.#add(endpoint, settings)
    connections.settings = settings
    return connections
  }

  #add(endpoint: Endpoint, settings: BottomSettings): Connections {
    const connections = new Connections(endpoint, this.#parts, settings)
    this.#table.set(endpoint, connections)
    endpoint.whenGone({
      retire: () => {
        this.#table.delete(endpoint)
        connections.retire()
      },
    })
    return connections
  }

  /** Endpoints to which there are connections. */
  get size(): number {
    return this.#table.size
  }

  /** Closes all connections at once. */
  async close(): Promise<void> {
    this.closed = true
    this.#unfollow()
    const error = Object.assign(new Error('the mesh is closed'), { code: 'ERR_MESH_CLOSED' })
    const all = [...this.#table.values()]
    this.#table.clear()
    for (const connections of all) connections.destroy(error)
  }

  #renew(identity: Identity): void {
    const before = this.#identity
    this.#identity = identity
    const areRootsNew = before !== undefined && !isSame(before.bundle.roots, identity.bundle.roots)
    // Never beyond half of what the old certificate has left.
    const leftMs = Math.max(0, (before?.notAfter ?? 0) - Date.now()) / 2
    const spreadMs = Math.min(rootSpreadMs, leftMs, areRootsNew ? rootSpreadMs : leafSpreadMs * this.#table.size)
    for (const connections of this.#table.values()) connections.renew(this.#parts.random() * spreadMs)
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((root) => other.includes(root))
}
