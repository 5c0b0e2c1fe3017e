/** The control API comes back: every process finds it, and is where it should be. */
import type { Status } from '../run/control-client.ts'
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import type { MeshPage } from '../web/admin.ts'
import { meshPage } from './operator.ts'
import { inWords } from './pace.ts'
import type { Stage, Step } from './stage.ts'

// Clients ask less and less often while they get no answer: after some seconds, every 3 to 6 s.
const inSyncWithinMs = 20_000

/** Starts the control API again, on the same data. */
export const controlBack: Step = {
  name: 'the control API is back, and everything in sync again',
  expected: () =>
    `within ${inWords(inSyncWithinMs)} /v1/status names every process with the newest document applied, and the instance that started meanwhile has a certificate, is ready, and known to every frontend; revisions go on where they were, and no page fails`,
  async play(stage) {
    const { control, fleet, shoppers, say } = stage
    const before = Math.max(
      ...(await Promise.all(fleet.instances().map(meshPage))).map(({ explanation }) => explanation.control?.revision ?? 0),
    )
    const from = performance.now()
    say('starts the control API again, where it was')
    await control.start()
    const [newcomer] = fleet.launched
    if (newcomer !== undefined) await fleet.serving(newcomer)
    const all = fleet.instances()
    let now = await look(stage)
    const frontends = fleet.instances('frontend').length
    const isInSync = await until(inSyncWithinMs - (performance.now() - from), async () => {
      now = await look(stage)
      return now.current === all.length && now.informed === frontends
    })
    const took = inWords(performance.now() - from)
    const views = shoppers.views(from, performance.now())
    const { count, failed } = figures(views, performance.now())
    return {
      seen:
        `after ${took} ${now.current} of ${all.length} processes have applied the newest document; the newest revision is ${now.revision}, and was ${before}; ` +
        `${now.informed} of ${frontends} frontends know the new product-catalog; ${count} pages meanwhile, ${failed} failed${failures(views)}`,
      ok: isInSync && now.revision === before && failed === 0,
    }
  },
}

interface Look {
  readonly revision: number
  /** Processes that have applied all there is for them, as the control API says. */
  readonly current: number
  /** Frontends that have the newest product-catalog on their lists. */
  readonly informed: number
}

async function look({ control, fleet }: Stage): Promise<Look> {
  const [status, pages] = await Promise.all([control.client.status(), Promise.all(fleet.instances().map(meshPage))])
  const newcomer = fleet.instances('product-catalog').at(-1)?.address ?? ''
  return {
    revision: status.revision,
    current: pages.filter((page) => isCurrent(page, status)).length,
    informed: pages.filter((page) => page.service === 'frontend' && knowsCatalog(page, newcomer)).length,
  }
}

function isCurrent({ explanation: { control } }: MeshPage, { instances }: Status): boolean {
  return instances.some((row) => row.instance === control?.instance && row.current && row.applied !== null && row.refused === null)
}

function knowsCatalog({ explanation }: MeshPage, address: string): boolean {
  const catalog = explanation.services.find(({ service }) => service === 'product-catalog')
  return catalog?.endpoints.some((endpoint) => endpoint.address === address) === true
}
