/** What the checks of policies must know of the running mesh. */
import type { EndpointRecord } from '@zerohop/mesh-core/policy'

/** One leased instance. */
export interface KnownInstance {
  readonly instance: string
  readonly endpoint: EndpointRecord
  readonly healthy: boolean
}

/** One instance that polls, and so adopts policies. */
export interface KnownClient {
  readonly service: string
  readonly instance: string
}

/** The mesh as the control API sees it right now. */
export interface MeshView {
  /** Services of which at least one instance holds a lease. */
  leasedServices(): Iterable<string>
  /** Instances of a service that hold a lease, healthy or not. */
  instancesOf(service: string): readonly KnownInstance[]
  /** Instances whose documents hold the policy of `service`: its own and those that use it; for `defaults` all of them. */
  clientsOf(service: string): readonly KnownClient[]
}
