/** Says what holds for a service and why: numbers in force, where each came from, endpoints and their state. */
import { VersionPools } from '../balance/version-pools.ts'
import type { ControlExplanation } from '../control/control-explanation.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { Ejection } from '../outlier/ejection.ts'
import { accessNotes, type EffectivePolicy } from '../policy/index.ts'
import type { PolicyInForce } from './policy-in-force.ts'
import type { KnownService } from './service-table.ts'
import type { VisitorsExplanation } from './shown-visitors.ts'

/** One endpoint as the mesh sees it now. */
export interface EndpointExplanation {
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  /** '' for unknown. */
  readonly zone: string
  readonly weight: number
  /** The part of its weight that it has now: below 1 only in slow start. */
  readonly warmth: number
  /** Attempts under way. */
  readonly inFlight: number
  /** `in`, or `out` or `probing` with the reason: ejected, connections that fail, an active check that fails. */
  readonly state: string
}

/** One service as the mesh sees it now. */
export interface ServiceExplanation {
  readonly service: string
  readonly revision: string
  readonly policy: EffectivePolicy
  /** For each section, where its value came from: `built-in`, `defaults` or `service`. */
  readonly from: Readonly<Record<string, string>>
  readonly endpoints: readonly EndpointExplanation[]
  /** One row per version that has been called while the policy has a breaker. */
  readonly breakers: readonly { readonly version: string; readonly state: string; readonly reason: string }[]
  /** Calls under way and waiting, and retries that could be made now. */
  readonly now: { readonly inFlight: number; readonly queued: number; readonly retriesLeft: number }
  /** What a person should know: versions without endpoints, a share of endpoints that may be ejected, and the like. */
  readonly notes: readonly string[]
  /** The caller's zone and the share of calls that stay there now; null where zones do not matter. */
  readonly zone: { readonly name: string; readonly share: number } | null
}

/** This process's own identity as it sees it now. */
export interface IdentityExplanation {
  /** Where it comes from: `issued` by the control API, from a `file`, or by Consul `connect`. */
  readonly source: string
  /** '' for none. */
  readonly spiffeId: string
  /** When its certificate expires, in milliseconds since 1970; 0 for none. */
  readonly notAfter: number
  /** Counts certificates and changes of the roots; 0 for none. */
  readonly generation: number
  /** Why there is no valid certificate, or none newer; '' while all is well. */
  readonly problem: string
}

/** What `mesh.explain` answers. */
export interface Explanation {
  /** The service that this process is. */
  readonly mesh: string
  /** The policies in force. */
  readonly revision: string
  /** Why the newest policy was refused; empty where it was not. */
  readonly problems: readonly string[]
  /** The control API as this process sees it; null where it has none. */
  readonly control: ControlExplanation | null
  /** Who this process proves to be; null where it has no source of an identity. */
  readonly identity: IdentityExplanation | null
  /** Who called this process in plaintext, and who was turned away. */
  readonly visitors: VisitorsExplanation
  readonly services: readonly ServiceExplanation[]
}

/** Explains one service. */
export function explainService(known: KnownService, policies: PolicyInForce, now: number): ServiceExplanation {
  const { state, policy } = known
  const pools = new VersionPools(state.endpoints, policy, state.zone)
  const { all, near, nearShare } = pools.of('')
  return {
    service: known.service,
    revision: policies.revision,
    policy,
    from: policies.from(known.service),
    endpoints: state.endpoints.all.map((endpoint) => ({
      address: endpoint.address,
      labels: endpoint.labels,
      zone: endpoint.zone,
      weight: endpoint.weight,
      warmth: all.warmth(endpoint, now),
      inFlight: endpoint.inFlight,
      state: stateOf(endpoint, state.health.reason(endpoint)),
    })),
    breakers: [...state.circuits].map(([version, circuit]) => ({ version, state: circuit.state, reason: circuit.reason })),
    now: { inFlight: state.gate.inFlight, queued: state.gate.queued, retriesLeft: state.budget.left(now) },
    notes: notes(known, pools),
    zone: near === null ? null : { name: state.zone, share: nearShare },
  }
}

function stateOf(endpoint: Endpoint, reason: string): string {
  if (endpoint.guard instanceof Ejection && endpoint.guard.out) return endpoint.guard.state
  if (!endpoint.healthy) return `out: ${reason}`
  return endpoint.avoided ? 'out: no connection could be made, several times in a row' : 'in'
}

function notes({ state, policy }: KnownService, pools: VersionPools): string[] {
  const found: string[] = []
  const size = state.endpoints.size
  if (size === 0) found.push('no endpoint is known: every call is refused')
  for (const { version, weight } of policy.to ?? []) {
    if (size > 0 && weight > 0 && pools.of(version).all.endpoints.length === 0) {
      found.push(`version ${version} has a share of the calls and no endpoint: that share is refused`)
    }
  }
  if (policy.outlier !== null && size > 0) {
    found.push(`${state.ejections.mostOut} of ${size} endpoints may be ejected at once, ${state.ejections.out} are`)
    for (const version of ['', ...Object.keys(policy.versions)]) {
      if (!pools.of(version).all.panics) continue
      const whose = version === '' ? 'endpoints' : `endpoints of version ${version}`
      found.push(`so many ${whose} are ejected that the evidence is not believed: all are used`)
    }
  }
  if (policy.attemptTimeoutMs >= policy.timeoutMs && policy.attemptTimeoutMs !== Number.POSITIVE_INFINITY) {
    found.push('attemptTimeout is not below timeout and never acts')
  }
  found.push(...accessNotes(policy))
  return found
}
