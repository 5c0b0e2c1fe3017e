/** A canary: a tenth of payment's calls go to version 2. */
import { until } from '../run/until.ts'
import { failures } from '../shoppers/figures.ts'
import { hasAdopted, untilEverywhere } from './everywhere.ts'
import { lists } from './operator.ts'
import { inWords, settled, watchEnough } from './pace.ts'
import type { Step } from './stage.ts'

const share = 0.1
const knownWithinMs = 2000
const liveWithinMs = 1000
const watchMs = 4000
const purchasesPerSecond = 50
const fewest = 150
// Four standard deviations: chance alone leaves them once in sixteen thousand runs.
const deviations = 4

/** How far a measured share of `count` calls may lie from the true one. */
function tolerance(count: number): number {
  return deviations * Math.sqrt((share * (1 - share)) / count)
}

/** Starts version 2 and gives it 10 % by weight. */
export const canary: Step = {
  name: '10 % of payment goes to version 2',
  expected: () =>
    `the share of purchases charged by v2 is 10 % within ${deviations} standard deviations of chance, and every purchase is paid`,
  async play({ control, fleet, shoppers, say }) {
    const newcomer = await fleet.start('payment', 'v2')
    say(
      `starts payment v2, and tells the control API: to v1 with weight 90, to v2 with weight 10; ${purchasesPerSecond} purchases a second`,
    )
    const to = [
      { version: 'v1', weight: 90 },
      { version: 'v2', weight: 10 },
    ]
    // Before the new instance holds its lease the policy would be refused; before the carts know the instance, its share of their calls would fail.
    const isKnown = await until(knownWithinMs, async () => {
      const row = (await control.client.status()).services.find(({ service }) => service === 'payment')
      const known = await Promise.all(fleet.instances('cart').map((cart) => lists(cart, newcomer)))
      return row?.leased === fleet.instances('payment').length && !known.includes(false)
    })
    if (!isKnown) return { seen: `not every cart knew a payment v2 with a lease within ${inWords(knownWithinMs)}`, ok: false }
    const since = performance.now()
    const written = await control.client.edit('payment', { to })
    const live = await untilEverywhere(fleet.instances(), { since, withinMs: liveWithinMs, holds: hasAdopted([written]) })
    if (!live.ok) return live
    shoppers.come({ look: 4, collect: 1, buy: purchasesPerSecond })
    const checkouts = await settled(await watchEnough(shoppers, watchMs, { kind: 'checkout', fewest }))
    shoppers.come()
    const paid = checkouts.filter((view) => view.outcome === 'paid').length
    const byV2 = checkouts.filter((view) => view.paidBy === 'v2').length
    const measured = byV2 / Math.max(1, paid)
    const within = tolerance(Math.max(1, paid))
    const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`
    return {
      seen:
        `${byV2} of ${paid} purchases were charged by v2: ${percent(measured)} (allowed ${percent(Math.max(0, share - within))} to ${percent(share + within)}); ` +
        `${checkouts.length - paid} not paid${failures(checkouts)}`,
      ok: paid >= fewest && paid === checkouts.length && byV2 > 0 && Math.abs(measured - share) <= within,
    }
  },
}
