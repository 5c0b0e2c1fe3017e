/** A slow checkout: the cart asks inventory three times in a row, until a flag makes it ask at once. */
import { quantile } from '../shoppers/figures.ts'
import type { PageView } from '../shoppers/page-view.ts'
import { turn } from './operator.ts'
import { settled, watchEnough } from './pace.ts'
import type { Step } from './stage.ts'

const watchMs = 2000
const purchasesPerSecond = 12
const fewest = 15
const leastGain = 0.4

interface Timings {
  readonly count: number
  readonly user: number
  readonly stock: number
  readonly payment: number
  readonly checkout: number
  /** What the shopper felt. */
  readonly felt: number
}

/** Medians over checkouts, in ms, from what cart itself measured. */
function timingsOf(views: readonly PageView[]): Timings {
  const paid = views.filter((view) => view.outcome === 'paid')
  const median = (part: string): number =>
    quantile(
      paid.map((view) => view.timings[part] ?? Number.NaN),
      0.5,
    )
  const felt = quantile(
    paid.map((view) => view.endAt - view.startAt),
    0.5,
  )
  return {
    count: paid.length,
    user: median('user'),
    stock: median('stock'),
    payment: median('payment'),
    checkout: median('checkout'),
    felt,
  }
}

function inWords({ user, stock, payment, checkout, felt }: Timings): string {
  const ms = (value: number): string => value.toFixed(0)
  return `${ms(checkout)} ms (user ${ms(user)}, stock ${ms(stock)}, payment ${ms(payment)}; the shopper waits ${ms(felt)})`
}

/** Measures both ways of asking. */
export const parallelStock: Step = {
  name: 'checkout is slow because cart asks inventory three times in a row',
  expected: () => `asked in parallel, a checkout takes at least ${leastGain * 100} % less, by cart's own timings`,
  async play({ fleet, shoppers, say }) {
    const carts = fleet.instances('cart')
    const measure = async (asksInParallel: boolean): Promise<Timings> => {
      await turn(carts, '/_flags', { asksInParallel })
      return timingsOf(await settled(await watchEnough(shoppers, watchMs, { kind: 'checkout', fewest })))
    }
    say('measures checkouts; then turns the flag "asksInParallel" in every cart, and measures again')
    shoppers.come({ buy: purchasesPerSecond })
    const inRow = await measure(false)
    const atOnce = await measure(true)
    shoppers.come()
    const gain = 1 - atOnce.checkout / inRow.checkout
    return {
      seen: `in a row ${inWords(inRow)}; in parallel ${inWords(atOnce)}: ${(gain * 100).toFixed(0)} % less, medians of ${inRow.count} and ${atOnce.count} checkouts`,
      ok: inRow.count >= fewest && atOnce.count >= fewest && gain >= leastGain,
    }
  },
}
