/** One page that a shopper asked for, from the moment at which it should have been asked for. */

/** The pages of the shop. */
export const pageKinds = ['home', 'product', 'cart', 'add', 'checkout'] as const

/** One of the pages. */
export type PageKind = (typeof pageKinds)[number]

/** The pages that change nothing. */
export const reads: ReadonlySet<PageKind> = new Set<PageKind>(['home', 'product', 'cart'])

/** A page asked for. */
export class PageView {
  readonly kind: PageKind
  /** When the shopper came, whether or not this process had time for the shopper then: a stall counts as waiting. */
  readonly startAt: number
  /** Infinity while the shopper waits. */
  endAt = Infinity
  /** 0 where no answer came. */
  status = 0
  /** What the connection said where no answer came. */
  problem = ''
  /** The number of the order, for a checkout. */
  order = ''
  /** `paid` or `saved`, for a checkout that was answered. */
  outcome = ''
  /** The version of payment that charged. */
  paidBy = ''
  /** Milliseconds by part, from the Server-Timing header of a checkout. */
  timings: Readonly<Record<string, number>> = {}

  constructor(kind: PageKind, startAt: number) {
    this.kind = kind
    this.startAt = startAt
  }

  get waiting(): boolean {
    return this.endAt === Infinity
  }

  /** True for an answer that the shopper did not come for. */
  get failed(): boolean {
    return !this.waiting && (this.status === 0 || this.status >= 400)
  }

  /** How long the shopper has waited by `now`. */
  tookMs(now: number): number {
    return Math.min(this.endAt, now) - this.startAt
  }
}
