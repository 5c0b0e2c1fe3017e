/** An instance dies by SIGKILL under load, and no shopper who reads notices. */
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { reads } from '../shoppers/page-view.ts'
import { counter, lists } from './operator.ts'
import { inWords, ofKind, settled } from './pace.ts'
import type { Stage, Step } from './stage.ts'

const beforeMs = 1000
// The control API looks for ended leases every second, and may have done so just before.
const sweepMs = 3000
const fewest = 80

/** Kills one of inventory's instances, which stays on every list until its lease ends, or its time in Consul. */
export const suddenDeath: Step = {
  name: 'an instance dies by SIGKILL under load',
  expected: (stage) =>
    `no read fails, though the dead instance stays listed until ${keptBy(stage)}: calls that run into it are sent again elsewhere`,
  async play({ control, consul, fleet, shoppers, say }) {
    const victim = fleet.instances('inventory')[1]
    if (victim === undefined) return { seen: 'there is no second instance of inventory', ok: false }
    const callers = [...fleet.instances('product-catalog'), ...fleet.instances('cart')]
    const again = (): Promise<number> => counter(callers, 'zerohop_call_retries_total', 'service="inventory"')
    const againBefore = await again()
    const from = performance.now()
    await pause(beforeMs)
    const underWay = shoppers.views(from, performance.now()).filter((view) => view.waiting).length
    say(`kills ${victim.instance.name} (process ${victim.pid}) with SIGKILL while ${underWay} pages are under way, and starts another one`)
    await fleet.kill(victim)
    const killedAt = performance.now()
    const [isUnlisted] = await Promise.all([
      until(
        (consul?.ttlMs ?? control.times.leaseMs) + sweepMs,
        async () => !(await Promise.all(callers.map((one) => lists(one, victim)))).includes(true),
      ),
      fleet.start('inventory'),
    ])
    const listedFor = inWords(performance.now() - killedAt)
    const isForgotten = consul === null || !(await consul.alive('inventory')).includes(victim.address)
    const views = await settled(shoppers.views(from, performance.now()))
    const sentAgain = (await again()) - againBefore
    const read = ofKind(views, ...reads)
    const took = figures(read, performance.now())
    const writes = figures(ofKind(views, 'add', 'checkout'), performance.now())
    return {
      seen:
        `${took.count} reads, ${took.failed} failed, p99 ${inWords(took.p99Ms)}; ${writes.count} writes, ${writes.failed} failed${failures(views)}; ` +
        `${sentAgain} calls were sent again elsewhere; ${isUnlisted ? 'off' : 'still on'} its callers' lists after ${listedFor}${consul === null ? '' : ', as in Consul'}`,
      ok: !victim.alive && took.count >= fewest && took.failed === 0 && took.waiting === 0 && sentAgain > 0 && isUnlisted && isForgotten,
    }
  },
}

/** What keeps an instance on the lists of its callers, and for how long after it last said that it lives. */
function keptBy({ control, consul }: Stage): string {
  return consul === null ? `its lease of ${inWords(control.times.leaseMs)} ends` : `Consul has not heard of it for ${inWords(consul.ttlMs)}`
}
