/** Payment recovers: a probe finds out, the breaker closes, and what was saved is paid. */

import type { ServiceProcess } from '../run/service-process.ts'
import { until } from '../run/until.ts'
import type { PageView } from '../shoppers/page-view.ts'
import { meshPage, paymentBreakers, turn } from './operator.ts'
import { inWords, ofKind, settled, watchFor } from './pace.ts'
import type { Seen, Stage, Step } from './stage.ts'

const roomMs = 3000
// Who has waited for longer than the new policy lets anybody wait began under the old one.
const newTimeoutMs = 5000
const paidWithinMs = 15_000
const watchMs = 1500
const fewest = 5

/** Heals the bank and waits for what follows from that. */
export const paymentHeals: Step = {
  name: 'payment heals, the breaker closes by its probe',
  expected: ({ openForMs }) =>
    `within ${inWords(openForMs + roomMs)} each cart's breaker goes from open by a probe to closed; checkouts are paid again, and so is every one that hung and every order that was saved`,
  async play(stage) {
    const { fleet, shoppers, openForMs, say } = stage
    const carts = fleet.instances('cart')
    const now = performance.now()
    const hanging = ofKind(shoppers.views(0, now), 'checkout').filter((view) => view.waiting && view.tookMs(now) > newTimeoutMs)
    say(`the bank answers again; nobody tells the carts. ${hanging.length} checkouts still hang under the policy they began with`)
    const start = performance.now()
    await turn(fleet.instances('payment'), '/_fault', { delayMs: 0 })
    const isClosed = await until(openForMs + roomMs, async () => (await paymentBreakers(carts)).every((state) => state === 'closed'))
    const took = inWords(performance.now() - start)
    const moves = await Promise.all(carts.map(lastMoves))
    const shown = moves.map((states) => states.join('→')).join(' | ')
    if (!isClosed) return { seen: `after ${took} the breakers had moved: ${shown}`, ok: false }
    const checkouts = ofKind(await settled(await watchFor(shoppers, watchMs)), 'checkout')
    const paid = checkouts.filter(isPaid).length
    const released = (await settled(hanging)).filter(isPaid).length
    const late = await watchSaved(stage)
    return {
      seen:
        `closed after ${took} (${shown}); ${paid} of ${checkouts.length} checkouts paid at once; ` +
        `${released} of the ${hanging.length} that hung were paid; ${late.seen}`,
      ok:
        moves.every((states) => /^open(→probing)+→closed$/.test(states.join('→'))) &&
        checkouts.length >= fewest &&
        paid === checkouts.length &&
        released === hanging.length &&
        late.ok,
    }
  },
}

function isPaid(view: PageView): boolean {
  return view.outcome === 'paid'
}

/** The moves of payment's breaker in a cart since it opened for the last time, that one included. */
async function lastMoves(cart: ServiceProcess): Promise<readonly string[]> {
  const states = (await meshPage(cart)).breakerMoves.filter(({ service }) => service === 'payment').map(({ state }) => state)
  return states.slice(Math.max(0, states.lastIndexOf('open')))
}

/** Asks the shop about every order of which a shopper was told that it is saved. */
async function watchSaved({ fleet, shoppers }: Stage): Promise<Seen> {
  let open = shoppers.views(0, performance.now()).filter((view) => view.outcome === 'saved')
  const count = open.length
  const start = performance.now()
  await until(paidWithinMs, async () => {
    const states = await Promise.all(open.map(({ order }) => statusOf(fleet, order)))
    open = open.filter((_view: PageView, index) => states[index] !== 'paid')
    return open.length === 0
  })
  return {
    seen: `${count - open.length} of ${count} saved orders paid ${inWords(performance.now() - start)} later`,
    ok: count > 0 && open.length === 0,
  }
}

async function statusOf(fleet: Stage['fleet'], order: string): Promise<string> {
  const response = await fetch(`http://${fleet.instances('frontend')[0]?.address}/orders/${order}`)
  return ((await response.json()) as { status?: string }).status ?? `unknown (${response.status})`
}
