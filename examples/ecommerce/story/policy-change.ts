/** The policy changes: live in every process, and the shop degrades instead of hanging. */
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { reads } from '../shoppers/page-view.ts'
import { hasAdopted, untilEverywhere } from './everywhere.ts'
import { paymentBreakers } from './operator.ts'
import { inWords, ofKind, settled, watchFor } from './pace.ts'
import type { Seen, Stage, Step } from './stage.ts'

const liveWithinMs = 1000
const openWithinMs = 15_000
const watchMs = 2000
const fewest = 8
const quickMs = 500
// A breaker's one probe waits for as long as the policy lets an attempt take, which is a second; the rest is room for a busy machine.
const slowestMs = 2500

/** Publishes timeouts, retries and a breaker while payment is still slow. */
export const policyChange: Step = {
  name: 'the policy changes, and the shop degrades instead of hanging',
  expected: ({ openForMs }) =>
    `live in every process within ${inWords(liveWithinMs)} of the last write and without a restart; breakers on payment open (for ${inWords(openForMs)}); ` +
    `then every checkout is answered "payment is busy, your order is saved", p50 under ${quickMs} ms, none over ${inWords(slowestMs)}; no read fails`,
  async play(stage) {
    const { fleet, policies, say } = stage
    const all = fleet.instances()
    say('hands policies/after-the-spike.yaml to the control API: 5 s for all, a breaker on payment, reads are tried again')
    const { written, lastSentAt } = await policies.publish('after-the-spike')
    const live = await untilEverywhere(all, { since: lastSentAt, withinMs: liveWithinMs, holds: hasAdopted(written) })
    const restarted = fleet.instances().filter((one) => !all.includes(one)).length
    if (!live.ok) return live
    const degraded = await watchDegraded(stage)
    return {
      seen: `revision ${written.at(-1)?.revision} is ${live.seen}, ${restarted} restarted; ${degraded.seen}`,
      ok: restarted === 0 && degraded.ok,
    }
  },
}

async function watchDegraded({ fleet, shoppers }: Stage): Promise<Seen> {
  const carts = fleet.instances('cart')
  const start = performance.now()
  let states: readonly string[] = []
  const isOpen = await until(openWithinMs, async () => {
    states = await paymentBreakers(carts)
    return states.every((state) => state === 'open')
  })
  const opened = inWords(performance.now() - start)
  if (!isOpen) return { seen: `after ${opened} the breakers in cart were ${states.join(', ')}`, ok: false }
  const views = await settled(await watchFor(shoppers, watchMs))
  const now = performance.now()
  const checkouts = ofKind(views, 'checkout')
  const saved = checkouts.filter((view) => view.outcome === 'saved').length
  const took = figures(checkouts, now)
  const read = ofKind(views, ...reads)
  const readFigures = figures(read, now)
  return {
    seen:
      `breakers open after ${opened}; of ${took.count} checkouts ${saved} were saved, p50 ${inWords(took.p50Ms)}, slowest ${inWords(took.maxMs)}; ` +
      `${readFigures.count} reads, ${readFigures.failed} failed${failures(read)}`,
    ok:
      took.count >= fewest &&
      saved === took.count &&
      took.p50Ms < quickMs &&
      took.maxMs < slowestMs &&
      readFigures.failed === 0 &&
      readFigures.waiting === 0,
  }
}
