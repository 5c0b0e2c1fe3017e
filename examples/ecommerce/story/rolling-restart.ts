/** A rolling restart of the catalog: each instance is replaced under load, and no shopper notices. */
import { setTimeout as pause } from 'node:timers/promises'
import { failures, figures } from '../shoppers/figures.ts'
import { reads } from '../shoppers/page-view.ts'
import { inWords, ofKind, settled } from './pace.ts'
import type { Step } from './stage.ts'

// The load goes on for this long before, between and after the replacements.
const restMs = 500
const fewest = 60

/** Replaces every instance of product-catalog: successor up, old one told to end, which leaves the registry before it drains. */
export const rollingRestart: Step = {
  name: 'a rolling restart of product-catalog',
  expected: () => 'every process is another one afterwards, each old one drained and ended in order, and no read failed',
  async play({ consul, fleet, shoppers, say }) {
    const old = fleet.instances('product-catalog')
    say(`replaces ${old.map(({ instance, pid }) => `${instance.name} (process ${pid})`).join(' and ')}, one after the other`)
    const from = performance.now()
    for (const one of old) {
      await pause(restMs)
      await fleet.replace(one)
    }
    await pause(restMs)
    const views = ofKind(await settled(shoppers.views(from, performance.now())), ...reads)
    const now = fleet.instances('product-catalog')
    const drained = old.filter((one) => one.endedInOrder).length
    const replaced = now.filter((one) => !old.includes(one)).length
    const took = figures(views, performance.now())
    const alive = (await consul?.alive('product-catalog')) ?? now.map(({ address }) => address)
    const isListed = alive.length === now.length && now.every(({ address }) => alive.includes(address))
    return {
      seen:
        `${replaced} of ${old.length} replaced, ${drained} ended in order; ${took.count} reads meanwhile, ${took.failed} failed${failures(views)}, ` +
        `p99 ${inWords(took.p99Ms)}${consul === null ? '' : `; Consul lists ${alive.length}, ${isListed ? 'the new ones' : 'not those that serve'}`}`,
      ok: replaced === old.length && drained === old.length && isListed && took.count >= fewest && took.failed === 0 && took.waiting === 0,
    }
  },
}
