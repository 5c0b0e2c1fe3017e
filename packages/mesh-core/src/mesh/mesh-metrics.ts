/** Everything that a mesh shows as metrics beside calls and attempts. */
import type { AccessCounts } from '../access/access-counts.ts'
import type { Control } from '../control/control.ts'
import type { LeastLeft } from '../identity/least-left.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Discovery } from '../kernel/discovery.ts'
import type { IdentitySource } from '../kernel/identity.ts'
import type { Meter } from '../observe/meter.ts'
import { registerFreshness } from './freshness-metrics.ts'
import { registerControlMetrics, registerGauges } from './gauges.ts'
import { registerIdentityMetrics, registerPeerMetrics } from './identity-metrics.ts'
import type { RefusedPeers } from './refused-peers.ts'
import type { ServiceTable } from './service-table.ts'
import { registerVisitors } from './shown-visitors.ts'

/** What there is to show; null for what this mesh has not. */
export interface Shown {
  readonly clock: Clock
  readonly table: ServiceTable
  readonly visitors: AccessCounts
  readonly refusedPeers: RefusedPeers
  readonly identity: IdentitySource | null
  readonly leastLeft: LeastLeft
  readonly discovery: Discovery | null
  readonly control: Control | null
}

/** Adds all of it. */
export function registerMetrics(meter: Meter, shown: Shown): void {
  const { identity, discovery, control } = shown
  registerGauges(meter, shown.table, shown.clock)
  registerVisitors(meter, shown.visitors)
  registerPeerMetrics(meter, shown.refusedPeers.counts)
  if (identity !== null) registerIdentityMetrics(meter, identity, shown.leastLeft)
  if (discovery !== null) registerFreshness(meter, discovery)
  if (control !== null) registerControlMetrics(meter, control)
}
