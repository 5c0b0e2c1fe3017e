/** The way back: all policies as they were one revision ago, live everywhere. */
import { hasAdopted, untilEverywhere } from './everywhere.ts'
import { defaultTimeoutIs } from './policy-push.ts'
import type { Step } from './stage.ts'

const liveWithinMs = 1000
const oldTimeoutMs = 5000

/** Goes back to the revision before the newest. */
export const rollback: Step = {
  name: 'rollback to the revision before',
  expected: () => 'a new revision with the content of the one before, and within a second each process says that a call may take 5 s again',
  async play({ control, fleet, say }) {
    const [newest, before] = await control.client.history(2)
    if (newest === undefined || before === undefined) return { seen: 'the history has no two revisions', ok: false }
    say(`goes back from revision ${newest.revision} to revision ${before.revision}`)
    const since = performance.now()
    const { revision, services } = await control.client.rollback(before.revision)
    const hasRevision = hasAdopted(services.map((service) => ({ service, revision })))
    const hasTimeout = defaultTimeoutIs(oldTimeoutMs)
    const live = await untilEverywhere(fleet.instances(), {
      since,
      withinMs: liveWithinMs,
      holds: (page) => hasRevision(page) && hasTimeout(page),
    })
    return {
      seen: `revision ${revision} brought ${services.join(', ')} back to what revision ${before.revision} says, ${live.seen}`,
      ok: live.ok && revision > newest.revision && services.length === newest.services.length,
    }
  },
}
