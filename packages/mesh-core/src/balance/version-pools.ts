/** The pools of one policy's versions, made anew when the endpoints change. */
import type { Endpoint } from '../kernel/endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { ZonedPools, type ZonedPoolsOptions } from './zoned-pools.ts'

/** How a policy parts the endpoints of a service. */
export interface PoolsPolicy {
  /** By version, the labels that its endpoints carry. */
  readonly versions: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>
  readonly outlier: { readonly panic: number; readonly maxEjected: number } | null
  /** null: zones do not matter. */
  readonly zones: { readonly minEndpoints: number } | null
  /** 0: none. */
  readonly slowStartMs: number
}

/** Compiled with a stack, so that a call that began under an older policy keeps that policy's pools. */
export class VersionPools {
  readonly #set: EndpointSet
  readonly #policy: PoolsPolicy
  readonly #layout: ZonedPoolsOptions
  readonly #pools = new Map<string, ZonedPools>()
  #generation = -1

  /** @param zone the caller's; '' for unknown */
  constructor(set: EndpointSet, policy: PoolsPolicy, zone = '') {
    this.#set = set
    this.#policy = policy
    const { panic, maxEjected } = policy.outlier ?? { panic: 0, maxEjected: 0 }
    this.#layout = {
      zone,
      minEndpoints: policy.zones?.minEndpoints ?? Number.POSITIVE_INFINITY,
      slowStartMs: policy.slowStartMs,
      // Never the last one: a version whose endpoints are all out is used whole, unless the policy lets all go.
      panic: maxEjected < 1 ? Math.max(panic, Number.MIN_VALUE) : panic,
    }
  }

  /** The endpoints of one version; of the version '' all of them. A version without a definition has none. */
  of(version: string): ZonedPools {
    const set = this.#set
    if (this.#generation !== set.generation) {
      this.#pools.clear()
      this.#generation = set.generation
    }
    let pools = this.#pools.get(version)
    if (pools === undefined) {
      pools = new ZonedPools(this.#endpointsOf(version), this.#layout)
      this.#pools.set(version, pools)
    }
    if (pools.countedAt !== set.standing) {
      pools.countedAt = set.standing
      pools.count()
    }
    return pools
  }

  #endpointsOf(version: string): readonly Endpoint[] {
    if (version === '') return this.#set.all
    if (!Object.hasOwn(this.#policy.versions, version)) return []
    const wanted = Object.entries(this.#policy.versions[version]?.labels ?? {})
    return this.#set.all.filter(({ labels }) => wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value))
  }
}
