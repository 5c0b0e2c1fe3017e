/** The control API dies: the shop goes on as if nothing had happened, and a process that starts meanwhile knows the policies, and waits for its certificate. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ServiceProcess } from '../run/service-process.ts'
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { reads } from '../shoppers/page-view.ts'
import { meshPage } from './operator.ts'
import { inWords, ofKind, settled } from './pace.ts'
import type { Seen, Step } from './stage.ts'

// A parked poll breaks off with the process that held it.
const noticedWithinMs = 3000
const startedWithinMs = 15_000
const restMs = 2000
const fewestReads = 80
const fewestCheckouts = 10

/** Kills the control API, then an instance, and starts the instance again. */
export const controlKilled: Step = {
  name: 'the control API is killed by SIGKILL',
  expected: () =>
    'no page fails, though a product-catalog is killed too; started again, it begins with the last good document, which its service writes to disk every 10 s, and says that it is not ready, since nobody can issue it a certificate',
  async play({ control, fleet, shoppers, say }) {
    const from = performance.now()
    say(`kills the control API (process ${control.pid}) with SIGKILL; then a product-catalog, and starts it again`)
    await control.kill()
    const isNoticed = await until(noticedWithinMs, async () => {
      const pages = await Promise.all(fleet.instances().map(meshPage))
      return pages.every(({ explanation }) => explanation.control?.state === 'lost')
    })
    const [victim] = fleet.instances('product-catalog')
    if (victim === undefined) return { seen: 'there is no product-catalog', ok: false }
    await fleet.kill(victim)
    const started = await askStarted(await fleet.launch('product-catalog'))
    await pause(restMs)
    const lasted = performance.now() - from
    const views = await settled(shoppers.views(from, performance.now()))
    const now = performance.now()
    const all = figures(views, now)
    const read = figures(ofKind(views, ...reads), now)
    const checkouts = ofKind(views, 'checkout')
    const paid = checkouts.filter((view) => view.outcome === 'paid').length
    return {
      seen:
        `${isNoticed ? 'every process noticed' : 'not every process noticed'}; in ${inWords(lasted)} ${read.count} reads, ${read.failed} failed, p99 ${inWords(read.p99Ms)}, ` +
        `and ${checkouts.length} checkouts, ${paid} paid${failures(views)}; ${started.seen}`,
      ok:
        isNoticed &&
        read.count >= fewestReads &&
        checkouts.length >= fewestCheckouts &&
        paid === checkouts.length &&
        all.failed === 0 &&
        all.waiting === 0 &&
        started.ok,
    }
  },
}

/** Asks a process that has never reached the control API what it knows, and whether it is ready. */
async function askStarted(catalog: ServiceProcess): Promise<Seen> {
  if (!(await until(startedWithinMs, () => catalog.address !== ''))) return { seen: `${catalog.instance.name} does not listen`, ok: false }
  const { control, identity } = (await meshPage(catalog)).explanation
  const reply = await fetch(`http://${catalog.address}/readyz`, { headers: { connection: 'close' } })
  await reply.body?.cancel()
  return {
    seen: `${catalog.instance.name} began with policies of revision ${control?.revision} (${control?.source}), and answers ${reply.status} to /readyz: ${identity?.problem}`,
    ok: control?.source === 'last-good' && control.revision > 0 && reply.status === 503 && identity?.notAfter === 0,
  }
}
