/** All connections of a mesh over gRPC: they outlive every policy, and turn over with the identity of this process. */
import type { BottomSettings, Endpoint, Identity, MeshParts } from '@zerohop/mesh-core/transport'
import { Channels } from './channels.ts'
import type { WireOptions } from './wire-options.ts'

// Whoever believes new roots gets new connections from everybody: in this time, so that no server meets all of its callers in one second.
const rootSpreadMs = 30_000
// A handshake takes about a millisecond of this process: a tenth of its time at most goes into them.
const leafSpreadMs = 10

/** The connections of a mesh by endpoint, with which they go, and by the options of the programs that use them. */
export class ChannelTable {
  readonly #parts: MeshParts
  readonly #table = new Map<Endpoint, Map<WireOptions, Channels>>()
  readonly #unfollow: () => void
  #identity: Identity | undefined
  /** True once the mesh has closed. */
  closed = false

  constructor(parts: MeshParts) {
    this.#parts = parts
    this.#identity = parts.identity?.current
    this.#unfollow = parts.identity?.subscribe((identity) => this.#renew(identity)) ?? (() => {})
  }

  /** Endpoints to which there are connections. */
  get size(): number {
    return this.#table.size
  }

  /** The connections to `endpoint`, under the settings given last. */
  to(endpoint: Endpoint, options: WireOptions, settings: BottomSettings): Channels {
    const known = this.#table.get(endpoint)?.get(options)
    if (known === undefined) return this.#add(endpoint, options, settings)
    known.settings = settings
    return known
  }

  /** Closes all connections at once. */
  async close(): Promise<void> {
    this.closed = true
    this.#unfollow()
    const error = new Error('the mesh is closed')
    const all = [...this.#table.values()].flatMap((channels) => [...channels.values()])
    this.#table.clear()
    for (const channels of all) channels.destroy(error)
  }

  #add(endpoint: Endpoint, options: WireOptions, settings: BottomSettings): Channels {
    const channels = new Channels({ endpoint, parts: this.#parts, options }, settings)
    const ofEndpoint = this.#table.get(endpoint)
    if (ofEndpoint === undefined) this.#table.set(endpoint, new Map([[options, channels]]))
    else ofEndpoint.set(options, channels)
    endpoint.whenGone({
      retire: () => {
        this.#table.delete(endpoint)
        channels.retire()
      },
    })
    return channels
  }

  #renew(identity: Identity): void {
    const before = this.#identity
    this.#identity = identity
    const areRootsNew = before !== undefined && !isSame(before.bundle.roots, identity.bundle.roots)
    // Never beyond half of what the old certificate has left.
    const leftMs = Math.max(0, (before?.notAfter ?? 0) - Date.now()) / 2
    const spreadMs = Math.min(rootSpreadMs, leftMs, areRootsNew ? rootSpreadMs : leafSpreadMs * this.#table.size)
    for (const ofEndpoint of this.#table.values()) {
      for (const channels of ofEndpoint.values()) channels.renew(this.#parts.random() * spreadMs)
    }
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((root) => other.includes(root))
}
