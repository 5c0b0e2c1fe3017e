/** The half of the control API that instances talk to: leases, documents and parked polls. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Doorkeeper } from './access/doorkeeper.ts'
import type { MeshView } from './check/mesh-view.ts'
import type { Clock } from './clock.ts'
import { Documents } from './document/documents.ts'
import { IndexCounter } from './document/index-counter.ts'
import type { TrustSource } from './document/trust-part.ts'
import { VersionWatch } from './document/version-watch.ts'
import type { Metrics } from './observe/metrics.ts'
import { Registry } from './registry/registry.ts'
import { type PollParts, pollOperation, takesPoll } from './routes/documents.ts'
import { instanceOperations } from './routes/instances.ts'
import type { Operation } from './routes/operation.ts'
import { statusOperation } from './routes/status.ts'
import type { Stores } from './store/stores.ts'

/** What it is made of. */
export interface DataPlaneParts {
  readonly stores: Stores
  readonly clock: Clock
  readonly doorkeeper: Doorkeeper
  readonly metrics: Metrics
  /** Whence documents have their trust; null where there is no authority. */
  readonly trust: TrustSource | null
  /** How long a lease lasts after its last renewal. */
  readonly leaseMs: number
}

/** What the rest asks of it. */
export interface DataPlane extends MeshView {
  /** Its operations, the polls among them (described, with `handle: null`). */
  readonly operations: readonly Operation[]
  /** Sees every request before the router does; true where it took it. */
  takes(request: IncomingMessage, response: ServerResponse): boolean
  /** Names of the processes that poll and have not said that they hold the trust of `hash`. */
  withoutTrust(hash: string): string[]
  /** Answers every parked poll at once and parks none any more. */
  drain(): void
  /** Saves what is not yet saved. */
  close(): void
}

/** Opens it on what the stores hold. */
export function openDataPlane({ stores, clock, doorkeeper, metrics, trust, leaseMs }: DataPlaneParts): DataPlane {
  const { policies } = stores
  const counter = new IndexCounter(stores.marks)
  const registry = new Registry({ store: stores.leases, clock, leaseMs, nextIndex: () => counter.next() })
  const documents = new Documents({ policies, registry, counter, clock, trust })
  const versions = new VersionWatch(documents.catalog, clock)
  policies.subscribe((services) => {
    for (const service of services) versions.changed(service)
  })
  registry.subscribe((service) => versions.changed(service))
  const poll: PollParts = { documents, doorkeeper, onSent: measure({ documents, registry, versions }, metrics) }
  return {
    operations: [
      pollOperation,
      ...instanceOperations({ registry, leaseMs }),
      statusOperation({ documents, versions, clock, registry, policies }),
    ],
    takes: (request, response) => takesPoll(poll, request, response),
    withoutTrust: (hash) => [...documents.withoutTrust(hash)].map(({ service, instance }) => `${service}/${instance}`),
    drain: () => documents.drain(),
    close: () => {
      documents.close()
      versions.close()
      registry.close()
    },
    leasedServices: () => registry.services(),
    instancesOf: (service) => [...(registry.roll(service)?.leases ?? [])],
    clientsOf: (service) => [...documents.clients.all()].filter(({ interest }) => interest?.holdsPolicyOf(service) === true),
  }
}

/** Tells Prometheus how it goes; returns what counts documents. */
function measure(
  { documents, registry, versions }: { documents: Documents; registry: Registry; versions: VersionWatch },
  metrics: Metrics,
): (bytes: number) => void {
  const sent = metrics.counter('zerohop_control_documents_total', 'Documents sent to polls.')
  const bytes = metrics.counter('zerohop_control_document_bytes_total', 'Bytes of documents sent to polls, as they go on the wire.')
  metrics.gauge('zerohop_control_parked_polls', 'Polls that wait for a change.', () => documents.parked)
  metrics.gauge('zerohop_control_clients', 'Processes that poll.', () => documents.clients.size)
  metrics.gauge('zerohop_control_refusing_clients', 'Processes that refused the policies that they were sent last.', () => {
    let refusing = 0
    for (const { refused } of documents.clients.all()) if (refused !== null) refusing += 1
    return refusing
  })
  metrics.gauge('zerohop_control_leases', 'Instances that hold a lease.', () => registry.size)
  metrics.gauge('zerohop_control_lost_versions', 'Versions that policies send calls to and that no instance runs.', () =>
    [...versions.lost()].map(({ service, version }) => ({ labels: { service, version }, value: 1 })),
  )
  metrics.gauge(
    'zerohop_control_failed_lease_saves',
    'Batches of leases that could not be saved at once, from the start of the process.',
    () => registry.failedSaves,
  )
  return (size) => {
    sent.add()
    bytes.add({}, size)
  }
}
