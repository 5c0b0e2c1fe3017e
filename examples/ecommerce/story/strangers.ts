/** Strangers: a caller in plaintext, and a server that answers at an address which was another service's. */
import type { ServiceProcess } from '../run/service-process.ts'
import { until } from '../run/until.ts'
import { failures, figures } from '../shoppers/figures.ts'
import { Impostor } from './impostor.ts'
import { joinAs } from './intruder.ts'
import { counter, meshPage } from './operator.ts'
import { inWords, settled } from './pace.ts'
import { askInPlaintext } from './plaintext.ts'
import type { Seen, Stage, Step } from './stage.ts'

const questions = 5
const noticedWithinMs = 5000

/** Asks in plaintext what nobody may ask so, and puts user where a product-catalog was. */
export const strangers: Step = {
  name: 'a plaintext caller and a service with the wrong identity are refused',
  expected: () =>
    `${questions} questions in plaintext get 403, and user counts them by their caller; frontends that reach user at the address of a killed product-catalog say nothing to it, count it as WRONG_PEER, and no page fails`,
  async play(stage) {
    const plaintext = await comeInPlaintext(stage)
    const wrong = await takePlace(stage)
    return { seen: `${plaintext.seen}; ${wrong.seen}`, ok: plaintext.ok && wrong.ok }
  },
}

async function comeInPlaintext({ fleet, say }: Stage): Promise<Seen> {
  const user = fleet.instances('user')[0] as ServiceProcess
  const refused = (): Promise<number> => counter([user], 'zerohop_access_refused_total', 'reason="mtls_required"')
  const before = await refused()
  say(`asks ${user.instance.name} for customers in plaintext`)
  const answers = await askInPlaintext(user, questions)
  const counted = (await refused()) - before
  const named = (await meshPage(user)).explanation.visitors.refused.find(({ reason }) => reason === 'mtls_required')?.caller
  return {
    seen: `plaintext was answered ${answers.join(', ')}; ${user.instance.name} counts ${counted} more as mtls_required, the last by ${named}`,
    ok: answers.every((status) => status === 403) && counted === questions && named !== undefined,
  }
}

/** Kills a product-catalog, and answers at its address with the certificate of user. */
async function takePlace(stage: Stage): Promise<Seen> {
  const { fleet, shoppers, say } = stage
  const victim = fleet.instances('product-catalog')[0] as ServiceProcess
  const callers = fleet.instances('frontend')
  const wrong = (): Promise<number> => counter(callers, 'zerohop_attempts_total', 'service="product-catalog"', 'status="WRONG_PEER"')
  await using member = await joinAs('user', stage)
  const impostor = new Impostor(member)
  const before = await wrong()
  const from = performance.now()
  say(`kills ${victim.instance.name}, and answers at its address ${victim.address} with the certificate of user, which is genuine`)
  await fleet.kill(victim)
  await impostor.listen(victim.address)
  let counted = 0
  await until(noticedWithinMs, async () => {
    counted = (await wrong()) - before
    return counted > 0
  })
  const took = inWords(performance.now() - from)
  await fleet.start('product-catalog')
  counted = (await wrong()) - before
  await impostor.close()
  const views = await settled(shoppers.views(from, performance.now()))
  const { count, failed, waiting } = figures(views, performance.now())
  return {
    seen:
      `${impostor.connections} connections to whom proved ${impostor.spiffeId}, on which ${impostor.bytes} bytes were said; frontends count ${counted} as WRONG_PEER, ` +
      `the first after ${took}; ${count} pages meanwhile, ${failed} failed${failures(views)}`,
    ok: counted > 0 && impostor.connections > 0 && impostor.bytes === 0 && failed === 0 && waiting === 0,
  }
}
