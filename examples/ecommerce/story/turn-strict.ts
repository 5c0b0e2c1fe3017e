/** From permissive to strict under load: who still comes in plaintext is known by name before, and no shopper notices. */
import type { ServiceProcess } from '../run/service-process.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { hasAdopted, untilEverywhere } from './everywhere.ts'
import { meshPage } from './operator.ts'
import { inWords, settled, watchFor } from './pace.ts'
import { askInPlaintext } from './plaintext.ts'
import type { Step } from './stage.ts'

const watchMs = 1500
const liveWithinMs = 3000
const questions = 3
const fewest = 60

/** Asks a service in plaintext, reads who does, and turns every service strict. */
export const turnStrict: Step = {
  name: 'from permissive to strict under load',
  expected: () =>
    `before, the one caller in plaintext is named; strict is live in every process within ${inWords(liveWithinMs)} of the last write; no page fails meanwhile, and that caller gets 403`,
  async play({ fleet, policies, shoppers, say }) {
    const from = performance.now()
    say('shoppers come, 56 pages a second whether or not the shop keeps up; and a script from before the mesh asks user in plaintext')
    shoppers.come()
    await watchFor(shoppers, watchMs)
    const asked = fleet.instances('user')[0] as ServiceProcess
    const before = await askInPlaintext(asked, questions)
    const inner = fleet.instances().filter(({ instance }) => instance.service !== 'frontend')
    const callers = await plaintextCallers(inner)
    say('hands policies/who-may-call.yaml to the control API: who may call whom, and strict for all but the frontend')
    const { written, lastSentAt } = await policies.publish('who-may-call')
    const live = await untilEverywhere(fleet.instances(), { since: lastSentAt, withinMs: liveWithinMs, holds: hasAdopted(written) })
    await watchFor(shoppers, watchMs)
    const after = await askInPlaintext(asked, questions)
    const views = await settled(shoppers.views(from, performance.now()))
    const { count, failed, waiting } = figures(views, performance.now())
    return {
      seen:
        `plaintext before: ${callers.join('; ') || 'nobody'}; revision ${written.at(-1)?.revision} is ${live.seen}; ` +
        `${count} pages meanwhile, ${failed} failed${failures(views)}; the script was answered ${before.join(', ')} before, and ${after.join(', ')} after`,
      ok:
        live.ok &&
        callers.length === 1 &&
        callers[0]?.startsWith(`${asked.instance.name} by `) === true &&
        before.every((status) => status === 200) &&
        after.every((status) => status === 403) &&
        count >= fewest &&
        failed === 0 &&
        waiting === 0,
    }
  },
}

/** Who has called each of some processes in plaintext, as their meshes name them. */
async function plaintextCallers(processes: readonly ServiceProcess[]): Promise<readonly string[]> {
  const pages = await Promise.all(processes.map(meshPage))
  return pages.flatMap(({ explanation }, index) =>
    explanation.visitors.plaintext.map(({ caller, calls }) => `${processes[index]?.instance.name} by ${caller} (${calls} calls)`),
  )
}
