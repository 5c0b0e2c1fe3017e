/** The endpoints of one version in three pools: all of them, those of the caller's zone, and the others. */
import type { Random } from '../kernel/clock.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { Pool } from './pool.ts'

// Envoy's over-provisioning factor: a zone keeps all of its calls down to 72 % of its endpoints.
const overProvisioned = 1.4

/** How the pools of a version are laid out. */
export interface ZonedPoolsOptions {
  /** The caller's; '' for unknown. */
  readonly zone: string
  /** Endpoints below which zones do not matter; Infinity: they never do. */
  readonly minEndpoints: number
  readonly slowStartMs: number
  /** The share of endpoints in balance below which the evidence is not believed. */
  readonly panic: number
}

/** A snapshot of the endpoints, counted anew when one goes out of balance or comes back. */
export class ZonedPools {
  readonly all: Pool
  /** Null where zones do not matter: none is known, or there are too few endpoints, or all stand in one. */
  readonly near: Pool | null = null
  readonly far: Pool | null = null
  /** The share of calls that stay in the caller's zone. */
  nearShare = 1
  /** The standing of the endpoints for which the shares were counted. */
  countedAt = -1
  readonly #panic: number

  constructor(endpoints: readonly Endpoint[], options: ZonedPoolsOptions) {
    const { zone, minEndpoints, slowStartMs } = options
    this.#panic = options.panic
    this.all = new Pool(endpoints, slowStartMs)
    if (zone === '' || this.all.endpoints.length < minEndpoints) return
    const near = new Pool(
      this.all.endpoints.filter((endpoint) => endpoint.zone === zone),
      slowStartMs,
    )
    if (near.endpoints.length === 0 || near.endpoints.length === this.all.endpoints.length) return
    this.near = near
    this.far = new Pool(
      this.all.endpoints.filter((endpoint) => endpoint.zone !== zone),
      slowStartMs,
    )
  }

  /** Counts who is out, and how many calls stay in the zone. */
  count(): void {
    this.all.count(this.#panic)
    if (this.near === null || this.far === null) return
    this.near.count(0)
    this.far.count(0)
    this.nearShare = shareOfNear(this.near.inShare, this.far.inShare)
  }

  /** The pool for a first try; the other one, and then all, are for who finds nobody there. */
  draw(random: Random): Pool {
    // Where the evidence is not believed for all, it is not believed for zones either.
    if (this.near === null || this.far === null || this.all.panics) return this.all
    return this.nearShare >= 1 || random() < this.nearShare ? this.near : this.far
  }
}

/** As Envoy shares calls among priorities. @param near the share of healthy endpoints in the zone @param far the same elsewhere */
export function shareOfNear(near: number, far: number): number {
  const nearLoad = Math.min(1, overProvisioned * near)
  const farLoad = Math.min(1, overProvisioned * far)
  // With too few on both sides each gets in proportion to what it has.
  const whole = Math.min(1, nearLoad + farLoad)
  return whole === 0 ? 1 : nearLoad / whole
}
