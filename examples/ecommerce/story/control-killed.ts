/** The control API dies: the shop goes on as if nothing had happened, and a process that starts meanwhile knows what the last one knew. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ServiceProcess } from '../run/service-process.ts'
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { reads } from '../shoppers/page-view.ts'
import { lists, meshPage, page } from './operator.ts'
import { inWords, ofKind, settled } from './pace.ts'
import type { Seen, Stage, Step } from './stage.ts'

// A parked poll breaks off with the process that held it.
const noticedWithinMs = 3000
const heardWithinMs = 2000
const restMs = 2000
const fewestReads = 80
const fewestCheckouts = 10

/** Kills the control API, then an instance, and starts the instance again. */
export const controlKilled: Step = {
  name: 'the control API is killed by SIGKILL',
  expected: ({ consul }) =>
    `no page fails, though a product-catalog is killed too; started again, it begins with the last good document, which its service writes to disk every 10 s, and answers${consul === null ? '' : '; frontends hear of it from Consul'}`,
  async play(stage) {
    const { control, fleet, shoppers, say } = stage
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
    const newcomer = await fleet.start('product-catalog')
    const started = await askStarted(newcomer)
    const heard = await hearFromConsul(stage, newcomer)
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
        `and ${checkouts.length} checkouts, ${paid} paid${failures(views)}; ${started.seen}${heard.seen}`,
      ok:
        isNoticed &&
        read.count >= fewestReads &&
        checkouts.length >= fewestCheckouts &&
        paid === checkouts.length &&
        all.failed === 0 &&
        all.waiting === 0 &&
        started.ok &&
        heard.ok,
    }
  },
}

/** Asks a process that has never reached the control API what it knows, and for something that needs other services. */
async function askStarted(catalog: ServiceProcess): Promise<Seen> {
  const { control } = (await meshPage(catalog)).explanation
  const product = (await page(catalog, '/products/honey')) as { units?: unknown }
  return {
    seen: `${catalog.instance.name} began with policies of revision ${control?.revision} (${control?.source}), and inventory told it of ${product.units} jars of honey`,
    ok: control?.source === 'last-good' && control.revision > 0 && typeof product.units === 'number',
  }
}

/** Waits until every frontend has the newcomer on its list, though there is no control API to tell of it; says nothing in a run without Consul. */
async function hearFromConsul({ consul, fleet }: Stage, newcomer: ServiceProcess): Promise<Seen> {
  if (consul === null) return { seen: '', ok: true }
  const frontends = fleet.instances('frontend')
  const ok = await until(heardWithinMs, async () => !(await Promise.all(frontends.map((one) => lists(one, newcomer)))).includes(false))
  return { seen: `; ${ok ? 'every frontend knows it' : 'not every frontend knows it'} from Consul`, ok }
}
