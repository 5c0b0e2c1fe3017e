/** Figures over page views: how many, how long, how many failed. */
import type { PageView } from './page-view.ts'

/** What some page views amount to. */
export interface Figures {
  readonly count: number
  readonly failed: number
  readonly waiting: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** The value below which a share of `values` lies (nearest rank); 0 for none. */
export function quantile(values: readonly number[], ratio: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * ratio) - 1)] ?? 0
}

/** The figures of `views` at the time `now`. Who still waits counts with the time waited so far. */
export function figures(views: readonly PageView[], now: number): Figures {
  const took = views.map((view) => view.tookMs(now))
  return {
    count: views.length,
    failed: views.filter((view) => view.failed).length,
    waiting: views.filter((view) => view.waiting).length,
    p50Ms: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
    maxMs: quantile(took, 1),
  }
}

/** What the first failures were, each kind once, in brackets behind a number of them; '' where nothing failed. */
export function failures(views: readonly PageView[]): string {
  const kinds = new Set(
    views.filter((view) => view.failed).map((view) => `${view.kind} ${view.status || 'without answer'} ${view.problem}`.trim()),
  )
  return kinds.size === 0 ? '' : ` (${[...kinds].slice(0, 3).join('; ')})`
}
