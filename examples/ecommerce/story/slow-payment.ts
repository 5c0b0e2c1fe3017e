/** The spike: payment slows down, and everybody who calls it hangs. */

import { until } from '../run/until.ts'
import { figures } from '../shoppers/figures.ts'
import { reads } from '../shoppers/page-view.ts'
import { turn } from './operator.ts'
import { inWords, ofKind } from './pace.ts'
import type { Step } from './stage.ts'

const delayMs = 120_000
const fewest = 5
const longWaitMs = 2000
// Long enough for the slowest machine to have sent that many; a shop that hangs as it should needs a little over `longWaitMs`.
const mostWatchMs = 15_000

/** Makes the bank behind payment slow while the policy still lets calls wait for a minute. */
export const slowPayment: Step = {
  name: 'a spike makes payment slow and callers hang',
  expected: () => `with a timeout of 60 s no checkout is answered any more, and the oldest has waited over ${inWords(longWaitMs)}`,
  async play({ fleet, shoppers, say }) {
    say('the bank behind payment stops answering, and shoppers keep coming')
    await turn(fleet.instances('payment'), '/_fault', { delayMs })
    const from = performance.now()
    const views = () => shoppers.views(from, performance.now())
    const hanging = () => figures(ofKind(views(), 'checkout'), performance.now())
    await until(mostWatchMs, () => hanging().count >= fewest && hanging().maxMs > longWaitMs)
    const checkouts = hanging()
    const read = figures(ofKind(views(), ...reads), performance.now())
    const answered = checkouts.count - checkouts.waiting
    return {
      seen: `of ${checkouts.count} checkouts ${answered} were answered, ${checkouts.waiting} hang, the oldest for ${inWords(checkouts.maxMs)}; ${read.count} reads meanwhile, p50 ${inWords(read.p50Ms)}`,
      ok: checkouts.count >= fewest && answered === 0 && checkouts.maxMs > longWaitMs,
    }
  },
}
