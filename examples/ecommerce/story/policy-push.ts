/** A policy is pushed: one write to the control API, and every process follows. */

import type { MeshPage } from '../web/admin.ts'
import { hasAdopted, untilEverywhere } from './everywhere.ts'
import type { Step } from './stage.ts'

const liveWithinMs = 1000
const newTimeoutMs = 4000

/** True of a process in which calls to every service whose policy leaves the timeout to the defaults have this one. */
export function defaultTimeoutIs(timeoutMs: number): (page: MeshPage) => boolean {
  return ({ explanation }) =>
    explanation.services.every(({ from, policy }) => from.timeout !== 'defaults' || policy.timeoutMs === timeoutMs)
}

/** Shortens the timeout of all calls between services. */
export const policyPush: Step = {
  name: 'a policy is pushed, and live in every process within a second',
  expected: () =>
    'one write, and each process says of itself within a second of it that a call may take 4 s instead of 5; none is restarted',
  async play({ control, fleet, say }) {
    const all = fleet.instances()
    say('writes `timeout: 4s` into the defaults, over the control API')
    const since = performance.now()
    const written = await control.client.edit('defaults', { timeout: '4s' })
    const hasRevision = hasAdopted([written])
    const hasTimeout = defaultTimeoutIs(newTimeoutMs)
    const live = await untilEverywhere(all, { since, withinMs: liveWithinMs, holds: (page) => hasRevision(page) && hasTimeout(page) })
    const restarted = fleet.instances().filter((one) => !all.includes(one)).length
    return { seen: `revision ${written.revision} is ${live.seen}, ${restarted} restarted`, ok: live.ok && restarted === 0 }
  },
}
