/** Shoppers who come at a fixed rate, whether or not the shop keeps up: open-loop load. */
import { PageView } from './page-view.ts'
import { type Visit, visits } from './visits.ts'

/** Visits per second of each kind. */
export type Rates = Readonly<Record<Visit, number>>

// About 56 pages a second, most of them reads.
const everyday: Rates = { look: 18, collect: 4, buy: 6 }
const tickMs = 10
// Longer than any step looks back.
const rememberedMs = 90_000

/** The crowd before the shop. */
export class Shoppers {
  readonly #frontends: () => readonly string[]
  readonly #home = new AbortController()
  readonly #nextAt = new Map<Visit, number>()
  #rates: Rates = everyday
  #views: PageView[] = []
  #ticker: NodeJS.Timeout | null = null
  #number = 0

  /** `frontends` says at which addresses the shop is open. */
  constructor(frontends: () => readonly string[]) {
    this.#frontends = frontends
  }

  /** From now on they come, by `rates` where given, otherwise as on any day. */
  come(rates: Partial<Rates> = {}): void {
    this.#rates = { ...everyday, ...rates }
    this.#nextAt.clear()
    this.#ticker ??= setInterval(() => this.#tick(), tickMs)
  }

  /** All go home; who still waited leaves. */
  leave(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    this.#ticker = null
    this.#home.abort()
  }

  /** Pages that should have been asked for from one moment to another, by `performance.now()`. */
  views(from: number, to: number): readonly PageView[] {
    return this.#views.filter((view) => view.startAt >= from && view.startAt < to)
  }

  /** One visit, now; resolves with its pages when it is over. */
  async visit(kind: Visit, startAt = performance.now()): Promise<readonly PageView[]> {
    const number = this.#number++
    const frontends = this.#frontends()
    const base = `http://${frontends[number % frontends.length]}`
    const seen: PageView[] = []
    for (const page of visits[kind]) {
      // The first page counts from when the shopper should have come, every later one from when the page before was there.
      const view = new PageView(page.kind, seen.length === 0 ? startAt : performance.now())
      seen.push(view)
      this.#views.push(view)
      try {
        await page.ask(base, number, { view, signal: this.#home.signal })
      } catch (error) {
        view.problem = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
      }
      view.endAt = performance.now()
      if (view.failed) break
    }
    return seen
  }

  #tick(): void {
    const now = performance.now()
    for (const [kind, rate] of Object.entries(this.#rates) as [Visit, number][]) {
      let at = this.#nextAt.get(kind) ?? now
      for (; at <= now; at += 1000 / rate) void this.visit(kind, at)
      this.#nextAt.set(kind, at)
    }
    if ((this.#views[0]?.startAt ?? now) < now - 2 * rememberedMs)
      this.#views = this.#views.filter((view) => view.startAt >= now - rememberedMs)
  }
}
