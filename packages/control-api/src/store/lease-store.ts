/** Where leases are kept over a restart of the control API. */
import type { EndpointRecord } from '@zerohop/mesh-core/policy'

/** One instance of a service, and until when it is believed to be there. */
export interface Lease {
  readonly service: string
  /** The instance's own name: unique within its service. */
  readonly instance: string
  readonly endpoint: EndpointRecord
  readonly healthy: boolean
  /** When the lease was last renewed, in milliseconds since 1970. */
  readonly renewedAt: number
}

/** Keeps leases, in batches: what a crash loses is at most one batch of renewals, never policy. */
export interface LeaseStore {
  load(): readonly Lease[]
  /** One transaction. */
  save(batch: { readonly put: readonly Lease[]; readonly drop: readonly { readonly service: string; readonly instance: string }[] }): void
}
