/** The first step: all processes start, find each other, and sell something. */
import { firstInstances } from '../run/fleet.ts'
import { until } from '../run/until.ts'
import { hasAdopted, untilEverywhere } from './everywhere.ts'
import { inWords } from './pace.ts'
import type { Stage, Step } from './stage.ts'

const count = Object.values(firstInstances).reduce((sum, instances) => sum + instances, 0)

// A process is listed when it listens, which it does before it is ready.
const listedWithinMs = 5000
const liveWithinMs = 2000

/** Starts the control API and the shop, and buys once. */
export const everythingUp: Step = {
  name: 'everything up',
  expected: ({ consul }) =>
    `a control API and ${count} processes of ${Object.keys(firstInstances).length} services are ready, each with a lease${consul === null ? '' : ', and listed in Consul'}; the first policy holds in all, and a first purchase is paid`,
  async play(stage) {
    const { control, consul, fleet, policies, shoppers, say } = stage
    const start = performance.now()
    const registry = consul === null ? 'the control API' : 'Consul, the control API'
    say(`starts ${registry} and ${count} processes on free ports; each is told its address and a token, and finds the others there`)
    await Promise.all([control.start(), consul?.start()])
    if (consul !== null) say(`endpoints come from Consul ${consul.version} at ${consul.address}, policies from the control API`)
    await fleet.startAll()
    let leased = 0
    let listed: number | null = null
    await until(listedWithinMs, async () => {
      leased = (await control.client.status()).services.reduce((sum, service) => sum + service.leased, 0)
      listed = await listedInConsul(stage)
      return leased === count && (listed ?? count) === count
    })
    const took = performance.now() - start
    const { written, lastSentAt } = await policies.publish('first-day')
    const live = await untilEverywhere(fleet.instances(), { since: lastSentAt, withinMs: liveWithinMs, holds: hasAdopted(written) })
    const views = await shoppers.visit('buy')
    const last = views.at(-1)
    const bought =
      last?.outcome === 'paid' ? `a purchase was paid, by payment ${last.paidBy}` : `the purchase failed at ${last?.kind}: ${last?.problem}`
    const ready = fleet.instances().length
    return {
      seen: `${ready} processes ready and ${leased} leases held${listed === null ? '' : `, ${listed} listed in Consul`} in ${inWords(took)}; the first policy is ${live.seen}; ${bought}`,
      ok: ready === count && leased === count && (listed ?? count) === count && live.ok && last?.outcome === 'paid',
    }
  },
}

/** How many instances Consul takes for alive; null in a run without one. */
async function listedInConsul({ consul }: Stage): Promise<number | null> {
  if (consul === null) return null
  const lists = await Promise.all(Object.keys(firstInstances).map((service) => consul.alive(service)))
  return lists.flat().length
}
