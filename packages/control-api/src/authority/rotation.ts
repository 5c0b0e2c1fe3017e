/** The steps by which one root takes the place of another: each is one change of what is stored, so that a crash falls between two of them. */
import type { StoredAuthority, StoredIssuer, StoredRoot } from '../store/authority-store.ts'

/** How a rotation takes its time. */
export interface Pace {
  /** The least time of each phase, and from the start of the process: those who poll must have been heard before it counts who is missing. */
  readonly settleMs: number
  /** The new root is waited for no longer, whoever has not said that it trusts it. */
  readonly longestSpreadMs: number
}

/** What a rotation looks at. */
export interface RotationView {
  /** Milliseconds since 1970. */
  readonly now: number
  /** When this process began. */
  readonly startedAt: number
  readonly pace: Pace
  /** Who has not said that it trusts both roots. */
  laggards(): readonly string[]
  /** Until when leaves of the roots up to this number are in use. */
  lastUse(root: number): number
}

/** What is due: a step, or something to wait for, said in a sentence ('' where nothing is under way). */
export type Due =
  | { readonly step: 'renew'; readonly laggards: readonly string[] }
  | { readonly step: 'retire' }
  | { readonly step: null; readonly waitsFor: string }

// So many are named, the rest is counted.
const mostNamed = 3
// Old tokens find the way over so many rotations; documents that carry it stay within what clients take.
const mostRoots = 24

/** First step: the new root is believed beside the old one, and signs nothing. */
export function spread(
  authority: StoredAuthority,
  made: { readonly root: StoredIssuer; readonly link: string },
  now: number,
): StoredAuthority {
  const { root, link } = made
  const next: StoredRoot = { number: nextNumber(authority), ...root, link, intermediate: null, isRetired: false }
  return { ...authority, phase: 'spreading', since: now, laggards: [], roots: [...authority.roots, next].slice(-mostRoots) }
}

/** Second step: leaves come from the new root from now on, and all older ones are to be renewed. */
export function renew(
  authority: StoredAuthority,
  made: { readonly intermediate: StoredIssuer; readonly laggards: readonly string[] },
  now: number,
): StoredAuthority {
  const newest = authority.roots.at(-1)
  const roots = authority.roots.map((root) => ({ ...root, intermediate: root === newest ? made.intermediate : null }))
  return { ...authority, phase: 'renewing', since: now, renewBefore: nextSecond(now), laggards: made.laggards, roots }
}

/** Last step: the old root is believed no more, and its key is gone. Its certificate and its link stay, for those whose tokens name it. */
export function retire(authority: StoredAuthority, now: number): StoredAuthority {
  const newest = authority.roots.at(-1)
  const roots = authority.roots.map((root) => (root === newest ? root : { ...root, key: null, isRetired: true }))
  return { ...authority, phase: 'none', since: now, roots }
}

/** All leaves that there are by now are to be renewed. */
export function renewLeaves(authority: StoredAuthority, now: number): StoredAuthority {
  return { ...authority, renewBefore: nextSecond(now) }
}

/** The number of the root that a rotation begun now would make. */
export function nextNumber({ roots }: StoredAuthority): number {
  return (roots.at(-1)?.number ?? 0) + 1
}

/** Which step is due. */
export function dueOf(authority: StoredAuthority, view: RotationView): Due {
  if (authority.phase === 'none') return { step: null, waitsFor: '' }
  const settledAt = Math.max(authority.since, view.startedAt) + view.pace.settleMs
  const isSettled = view.now >= settledAt
  if (authority.phase === 'spreading') return dueWhileSpreading(authority, view, isSettled)
  const oldNumber = (authority.roots.at(-1)?.number ?? 0) - 1
  const lastUse = view.lastUse(oldNumber)
  if (lastUse > view.now) {
    const until = new Date(lastUse).toISOString()
    return { step: null, waitsFor: `Certificates of the old root are in use; those that are not renewed before end by ${until}.` }
  }
  return isSettled
    ? { step: 'retire' }
    : { step: null, waitsFor: 'All certificates are of the new root; the old one stays for a moment longer.' }
}

function dueWhileSpreading({ since }: StoredAuthority, view: RotationView, isSettled: boolean): Due {
  const laggards = view.laggards()
  const { now, pace } = view
  if (now >= since + pace.longestSpreadMs) return { step: 'renew', laggards }
  if (laggards.length > 0) {
    const until = new Date(since + pace.longestSpreadMs).toISOString()
    return { step: null, waitsFor: `${named(laggards)} to say that the new root is trusted there; waited for until ${until} at most.` }
  }
  return isSettled ? { step: 'renew', laggards } : { step: null, waitsFor: 'The new root is made known to all processes.' }
}

/** Certificates know whole seconds: one that was issued within the present one must not be taken for a newer one. */
function nextSecond(now: number): number {
  return Math.floor(now / 1000) * 1000 + 1000
}

/** `3 processes (cart/1, cart/2 and 1 more)`. */
export function named(laggards: readonly string[]): string {
  const shown = laggards.slice(0, mostNamed).join(', ')
  const rest = laggards.length > mostNamed ? ` and ${laggards.length - mostNamed} more` : ''
  return `${laggards.length} ${laggards.length === 1 ? 'process' : 'processes'} (${shown}${rest})`
}
