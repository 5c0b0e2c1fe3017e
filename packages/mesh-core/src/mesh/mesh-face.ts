/** The mesh as its users and the wires see it. */
import type { Advertised } from '../control/registration.ts'
import type { LeastLeft } from '../identity/least-left.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { IdentitySource, MtlsMode } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import type { MeshError } from '../kernel/mesh-error.ts'
import type { Network } from '../kernel/network.ts'
import type { Registered } from '../kernel/registrar.ts'
import type { TracerSource } from '../kernel/span.ts'
import type { TimerWheel } from '../kernel/timer-wheel.ts'
import type { Watch } from '../kernel/watch.ts'
import type { Destination, Inbound } from '../stack/destination.ts'
import type { InboundWire } from '../stack/server-stack.ts'
import type { Wire } from '../stack/wire.ts'
import type { Explanation } from './explain.ts'

/** Rare changes that a program may want to hear of. */
export interface MeshEvents {
  /** A policy was adopted, or refused: then `problems` says why, and the last good one stays. */
  policy: { readonly revision: string; readonly problems: readonly string[] }
  /** The endpoints of a service changed. */
  endpoints: { readonly service: string; readonly count: number }
  /** A breaker moved. */
  breaker: { readonly service: string; readonly version: string; readonly state: 'open' | 'probing' | 'closed'; readonly reason: string }
  /** An endpoint was ejected from balance, or came back. */
  outlier: { readonly service: string; readonly endpoint: string; readonly state: 'ejected' | 'probing' | 'back'; readonly reason: string }
  /** The active check of an endpoint failed so often that it is out of balance, or passes again. */
  health: { readonly service: string; readonly endpoint: string; readonly healthy: boolean; readonly reason: string }
  /** This process has a new certificate, or new roots: then `problem` is ''. Or its certificate nears its end, or is over: then `problem` says so. */
  identity: { readonly spiffeId: string; readonly notAfter: number; readonly generation: number; readonly problem: string }
}

/** One service's membership of the mesh. Nothing global: two meshes in one process share no state. */
export interface Mesh extends AsyncDisposable {
  /** The name of the service that this process is. */
  readonly service: string
  /** Resolves once there is a policy and, where it has a source of one, an identity; after two seconds at the latest. Never rejects for want of them. */
  ready(): Promise<void>
  /**
   * Ends everything: servers first, which let what they serve come to its end, outbound calls included; then the calls that are still under way,
   * which end with MESH_CLOSED; then connections and timers. `graceMs` (default 10,000) bounds the whole.
   */
  close(options?: { graceMs?: number }): Promise<void>
  /** What holds for a service and why, as data; without a name for all that are known. */
  explain(service?: string): Explanation
  /**
   * Runs `work` outside of the inbound request that is being served: neither its deadline nor its cancellation binds the calls made there;
   * its trace goes on.
   */
  detached<T>(work: () => T): T
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<string>
  /** Follows rare changes; returns how to stop. */
  on<E extends keyof MeshEvents>(event: E, listener: (event: MeshEvents[E]) => void): () => void
}

/** Something that a mesh closes with itself: a server, the pools of a wire. */
export interface Closable {
  close(graceMs: number): Promise<void>
}

/** The inside of a mesh, for authors of a wire. */
export interface MeshParts {
  readonly service: string
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly random: Random
  readonly log: Log
  readonly tracer: TracerSource
  /** Who this process is, and whom it believes; null where it has no source of an identity, or one that has learned that there is none to be had, and all is plaintext. */
  readonly identity: IdentitySource | null
  /** A wire tells it of each request that begins. */
  readonly leastLeft: LeastLeft
  /** How this service takes connections, as its policy says. */
  readonly mtls: Watch<MtlsMode>
  /** How long a connection to a server of this service may take requests, in ms, as its policy says; Infinity: no bound. */
  readonly maxAgeMs: number
  /** Counts somebody who was turned away in the handshake, by the reason in a word, and logs the sentence (at most one a second for each word). */
  peerRefused(reason: string, sentence: string): void
  /** Set in tests: requests go here instead of to sockets. */
  readonly network: Network | null
  /** True once `close` has begun: refuse new work. */
  readonly closing: boolean
  /**
   * Why this process should not be called, in a sentence: policy and endpoints have not been read yet, the mesh closes, its certificate is
   * missing or ends. '' where it may be: what readiness asks.
   */
  readonly unready: string
  /** True where MESH_DISABLE=1 turned the mesh off: everything passes through untouched. */
  readonly disabled: boolean
  /** Where calls to `service` go in; null where the mesh does not know the service, and the call must pass through untouched. */
  destination(service: string, wire: Wire): Destination | null
  /** Where calls to `service` go in that wait until somebody knows it: a call with `waitsForReady` to one that nobody knows yet. */
  expected(service: string, wire: Wire): Destination
  /**
   * Where a control API is being asked about a service that `destination` does not know: resolves when it has answered, after `limitMs` or
   * half a second at the latest; ask `destination` again then. Null where there is nothing to wait for.
   */
  inquire(service: string, limitMs: number): Promise<void> | null
  /** Why a call to a host that the mesh does not know must not leave; null where it may pass through. */
  strangerError(host: string): MeshError | null
  /** Tells the control API, and the program's own registry, where a server of this service is reached, until `release`; null where there is neither. */
  register(server: Advertised): Registered | null
  /** The inbound stack around a wire's bottom; where the mesh is `disabled`, the bottom alone. */
  inbound(wire: InboundWire): Inbound
  /** One thing per mesh and key, made at first use: how a wire keeps its own state with the mesh. */
  once<T>(key: string, make: () => T): T
  /** Ties something to the mesh's end. `close` closes servers first, then everything else. */
  closeWith(thing: Closable, order: 'server' | 'client'): void
}

const partsKey: unique symbol = Symbol.for('zerohop.parts.1') as never

/** Lets `partsOf` find the parts of a mesh that another copy of this package made. */
export function bindParts(mesh: Mesh, parts: MeshParts): void {
  Object.defineProperty(mesh, partsKey, { value: parts })
}

/** The inside of a mesh, for authors of a wire. */
export function partsOf(mesh: Mesh): MeshParts {
  const parts = (mesh as { [partsKey]?: MeshParts })[partsKey]
  if (parts === undefined) throw new TypeError('this is no mesh: pass what createMesh() returned')
  return parts
}
