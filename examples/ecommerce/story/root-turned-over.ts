/** The root of all certificates is replaced by the command of the control API under load, and no shopper notices. */
import { failures, figures } from '../shoppers/figures.ts'
import { leadsTo, leastLeft } from './certificates.ts'
import { inWords, settled } from './pace.ts'
import type { Step } from './stage.ts'

const fewest = 60

/** Turns the root over. */
export const rootTurnedOver: Step = {
  name: 'the root is turned over under load',
  expected: () =>
    'the command comes to its end: one root is believed, another one than before, and every server shows a certificate of it; no page fails, and no request begins on a connection with an expired certificate',
  async play({ control, fleet, shoppers, say }) {
    const processes = fleet.instances()
    const before = await control.client.roots()
    const from = performance.now()
    say(`npx @zerohop/control-api rotate-root --control ${control.url} --ca ${control.caFile}`)
    await control.rotateRoot(say)
    const took = inWords(performance.now() - from)
    const after = await control.client.roots()
    const { ca } = control
    const moved = (await Promise.all(processes.map((one) => leadsTo(ca, one)))).filter(Boolean).length
    const views = await settled(shoppers.views(from, performance.now()))
    const { count, failed, waiting } = figures(views, performance.now())
    const left = await leastLeft(processes)
    const isNew = before.length === 1 && after.length === 1 && before[0] !== after[0]
    return {
      seen:
        `from root ${before.map(short).join(', ')} to ${after.map(short).join(', ')} in ${took}; ${moved} of ${processes.length} servers show a certificate of it; ` +
        `${count} pages meanwhile, ${failed} failed${failures(views)}; no request began with less than ${left.toFixed(1)} s left`,
      ok:
        isNew &&
        moved === processes.length &&
        left > 0 &&
        left < Number.POSITIVE_INFINITY &&
        count >= fewest &&
        failed === 0 &&
        waiting === 0,
    }
  },
}

function short(fingerprint: string): string {
  return fingerprint.slice(0, 8)
}
