/** Every process gets a new certificate under load, and no shopper notices. */
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { certificatesOf, type Held, leastLeft } from './certificates.ts'
import { inWords, settled } from './pace.ts'
import type { Step } from './stage.ts'

const fewest = 60

/** Waits until every certificate has been replaced. */
export const leavesRenewed: Step = {
  name: 'all certificates are renewed under load',
  expected: ({ control }) =>
    `a certificate lasts ${inWords(control.times.leafLifeMs)}, and every process has another one within that; no page fails, and no request begins on a connection with an expired one at either end`,
  async play({ control, fleet, shoppers, say }) {
    const processes = fleet.instances()
    const before = await certificatesOf(processes)
    const from = performance.now()
    say(`waits until each of ${processes.length} processes has renewed its certificate, as it does between 35 % and 45 % of its life`)
    let behind: readonly string[] = []
    await until(control.times.leafLifeMs, async () => {
      const now = await certificatesOf(processes)
      behind = processes.flatMap(({ instance }, index) => {
        const { notAfter, problem } = now[index] as Held
        return notAfter > (before[index] as Held).notAfter ? [] : [`${instance.name} ${problem}`.trim()]
      })
      return behind.length === 0
    })
    const renewed = processes.length - behind.length
    const took = inWords(performance.now() - from)
    const views = await settled(shoppers.views(from, performance.now()))
    const { count, failed, waiting } = figures(views, performance.now())
    const left = await leastLeft(processes)
    return {
      seen:
        `${renewed} of ${processes.length} renewed in ${took}${behind.length === 0 ? '' : `, not ${behind.join(', ')}`}; ${count} pages meanwhile, ${failed} failed${failures(views)}; ` +
        `since the start of each process no request began with less than ${left.toFixed(1)} s left`,
      ok: renewed === processes.length && left > 0 && left < Number.POSITIVE_INFINITY && count >= fewest && failed === 0 && waiting === 0,
    }
  },
}
