/** How the story looks at stretches of time. */
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../run/until.ts'
import type { PageKind, PageView } from '../shoppers/page-view.ts'
import type { Shoppers } from '../shoppers/shoppers.ts'

// Longer than any call may take once the policy says 5 s.
const settleWithinMs = 8000
const mostWatchMs = 20_000

/** Lets shoppers come for `ms`; returns the pages that were due in that time, as they stand at its end. */
export async function watchFor(shoppers: Shoppers, ms: number): Promise<readonly PageView[]> {
  const from = performance.now()
  await pause(ms)
  return shoppers.views(from, performance.now())
}

/** Lets shoppers come for `ms`, and on a slow machine longer, until `fewest` pages of a kind were answered or 20 s are over; returns those that were due. */
export async function watchEnough(
  shoppers: Shoppers,
  ms: number,
  { kind, fewest }: { readonly kind: PageKind; readonly fewest: number },
): Promise<readonly PageView[]> {
  const from = performance.now()
  await pause(ms)
  const seen = (): readonly PageView[] => ofKind(shoppers.views(from, performance.now()), kind)
  await until(mostWatchMs - ms, () => seen().filter((view) => !view.waiting).length >= fewest)
  return seen()
}

/** Waits until all of these were answered, at most 8 s: who waits longer stays `waiting`. */
export async function settled(views: readonly PageView[]): Promise<readonly PageView[]> {
  await until(settleWithinMs, () => views.every((view) => !view.waiting))
  return views
}

/** Only the views of some kinds. */
export function ofKind(views: readonly PageView[], ...kinds: readonly string[]): readonly PageView[] {
  return views.filter((view) => kinds.includes(view.kind))
}

/** `1.2 s` or `34 ms`. */
export function inWords(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`
}
