/** What the mesh asks of a source of endpoints. */
import type { Watch } from './watch.ts'

/** One endpoint as a registry describes it. */
export interface EndpointInfo {
  /** `host:port`; an IPv6 host in brackets. */
  readonly address: string
  /** Labels such as `version`; {} for none. */
  readonly labels: Readonly<Record<string, string>>
  /** Where it stands; '' for unknown. */
  readonly zone: string
  /** Relative share of calls; 1 is usual, 0 takes it out of balance. */
  readonly weight: number
}

/** How far what a source says of one service is to be believed. */
export interface Freshness {
  /** The name of the source. */
  readonly source: string
  readonly service: string
  /** Milliseconds since the registry last confirmed the endpoints; -1 where it never has. */
  readonly ageMs: number
  /** Questions that brought no answer, since the service is followed. */
  readonly failures: number
  /** Endpoints that are kept though the registry does not list them any more. */
  readonly held: number
}

/** A source of endpoints: from code, from a file, from a registry. */
export interface Discovery {
  /** One word for messages: `static`, `file`, `consul`. */
  readonly name: string
  /** The endpoints of a service, or null where this source does not know the service. Cheap: asked for every call to an unknown host. */
  watch(service: string): Watch<readonly EndpointInfo[]> | null
  /** The services known now, for `explain`. */
  services(): readonly string[]
  /** How fresh each service is that is followed, for metrics; left out by a source that cannot be out of date. */
  freshness?(): Iterable<Freshness>
  /** Frees what the source holds: watchers, sockets. */
  close(): Promise<void>
}
