/** Who called in plaintext and who was turned away, as metrics and `explain` show it. */

import type { AccessCounts } from '../access/access-counts.ts'
import type { CallerCount, CallerCounts } from '../access/caller-counts.ts'
import { type RefusalReason, refusalReasons } from '../access/refusal.ts'
import type { Meter, Sample } from '../observe/meter.ts'

/** One caller as `explain` shows it. */
export interface VisitorExplanation {
  /** The name of a service, a SPIFFE ID, or an address; `other` for all beyond the first hundred. */
  readonly caller: string
  readonly calls: number
  /** Since the last one. */
  readonly agoMs: number
}

/** One caller that was turned away, or would have been. */
export interface RefusedExplanation extends VisitorExplanation {
  /** `mtls_required`, `ambiguous_path`, `denied` by a rule, or `not_allowed` by any. */
  readonly reason: string
}

/** Who called this process, as far as access has something to say of it; the latest first. */
export interface VisitorsExplanation {
  /** Who could have come by mutual TLS, and came in plaintext: while there is anybody here, `strict` would turn somebody away. */
  readonly plaintext: readonly VisitorExplanation[]
  readonly refused: readonly RefusedExplanation[]
  /** Who would be turned away if the rules were not only tried. */
  readonly wouldRefuse: readonly RefusedExplanation[]
}

type ByReason = Readonly<Record<RefusalReason, CallerCounts>>

/** Adds what was counted to the metrics. */
export function registerVisitors(meter: Meter, { plaintext, refused, wouldRefuse }: AccessCounts): void {
  meter.counter('zerohop_plaintext_calls_total', 'Calls in plaintext to a server that takes mutual TLS as well, by address.', () =>
    [...plaintext.all()].map(({ caller, calls }) => ({ labels: { caller }, value: calls })),
  )
  meter.counter('zerohop_access_refused_total', 'Calls that access turned away, by reason and caller.', () => samplesOf(refused))
  meter.counter('zerohop_access_would_refuse_total', 'Calls that access would turn away if its rules were not only tried.', () =>
    samplesOf(wouldRefuse),
  )
}

/** What was counted, by the mesh's clock. */
export function explainVisitors({ plaintext, refused, wouldRefuse }: AccessCounts, now: number): VisitorsExplanation {
  return {
    plaintext: latestFirst([...plaintext.all()].map((count) => shown(count, now))),
    refused: refusedOf(refused, now),
    wouldRefuse: refusedOf(wouldRefuse, now),
  }
}

function samplesOf(counts: ByReason): Sample[] {
  return refusalReasons.flatMap((reason) =>
    [...counts[reason].all()].map(({ caller, calls }) => ({ labels: { reason, caller }, value: calls })),
  )
}

function refusedOf(counts: ByReason, now: number): RefusedExplanation[] {
  return latestFirst(refusalReasons.flatMap((reason) => [...counts[reason].all()].map((count) => ({ ...shown(count, now), reason }))))
}

function shown({ caller, calls, lastAt }: CallerCount, now: number): VisitorExplanation {
  return { caller, calls, agoMs: Math.max(0, Math.round(now - lastAt)) }
}

function latestFirst<V extends VisitorExplanation>(visitors: V[]): V[] {
  return visitors.sort((one, other) => one.agoMs - other.agoMs)
}
