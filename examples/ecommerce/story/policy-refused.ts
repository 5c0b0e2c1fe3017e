/** A policy that would send calls to nowhere: refused before it can do harm. */
import { ControlRefusal } from '../run/control-client.ts'
import { meshPage } from './operator.ts'
import type { Stage, Step } from './stage.ts'

const toNobody = { versions: { v3: { labels: { version: 'v3' } } }, to: [{ version: 'v3' }] }

/** Routes all of payment's calls to a version that nobody runs. */
export const policyRefused: Step = {
  name: 'a policy that routes to a version that does not exist',
  expected: () => 'the control API refuses it and says why, and the policies of every process stay as they are',
  async play(stage) {
    const before = await inForce(stage)
    stage.say('writes a policy that sends all calls of payment to v3, which nobody runs')
    const answer = await stage.control.client.edit('payment', toNobody).then(
      ({ revision }) => `it was taken, as revision ${revision}`,
      (error: unknown) => error,
    )
    const isRefused = answer instanceof ControlRefusal && answer.status === 422 && answer.code === 'unknown_reference'
    const isSame = (await inForce(stage)) === before
    return {
      seen: `${isRefused ? `${answer.status} ${answer.code}: ${answer.message}` : String(answer)} ${isSame ? 'Nothing changed anywhere' : 'Policies changed'}`,
      ok: isRefused && isSame,
    }
  },
}

/** Names the newest revision, and the policies that hold in each process. */
async function inForce({ control, fleet }: Stage): Promise<string> {
  const pages = await Promise.all(fleet.instances().map(meshPage))
  return [(await control.client.status()).revision, ...pages.map(({ explanation }) => explanation.revision)].join(' ')
}
