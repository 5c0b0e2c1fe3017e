/** A service that may not call payment tries to: a genuine identity opens only the doors that it needs. */
import { meshClient } from '@zerohop/mesh-grpc'
import { PaymentClient } from '../proto/payment.ts'
import { answerOf } from '../web/answer-of.ts'
import { Problem } from '../web/problem.ts'
import { joinAs } from './intruder.ts'
import { counter, meshPage } from './operator.ts'
import type { Step } from './stage.ts'

const tries = 3

/** Calls payment with the identity of product-catalog. */
export const mayNotCall: Step = {
  name: 'a service that may not call payment gets 403',
  expected: () =>
    `${tries} charges by product-catalog are refused with PERMISSION_DENIED, which is gRPC's 403, and without a reason; payment counts them as not_allowed, and names the caller`,
  async play(stage) {
    const payments = stage.fleet.instances('payment')
    const refused = (): Promise<number> =>
      counter(payments, 'zerohop_access_refused_total', 'reason="not_allowed"', 'caller="product-catalog"')
    const before = await refused()
    stage.say('joins the mesh with the token of product-catalog, and charges a card')
    await using member = await joinAs('product-catalog', stage)
    const payment = meshClient(member, 'payment', PaymentClient)
    const answers: string[] = []
    for (let n = 0; n < tries; n++) {
      const charge = { card: 'card-1', cents: 1, idempotencyKey: `stolen-${n}` }
      answers.push(await answerOf((done) => payment.charge(charge, done)).then(() => 'OK', inStatus))
    }
    const counted = (await refused()) - before
    const pages = await Promise.all(payments.map(meshPage))
    const named = pages.flatMap(({ explanation }) => explanation.visitors.refused).find(({ reason }) => reason === 'not_allowed')
    return {
      seen: `${tries} charges were answered ${[...new Set(answers)].join(', ')}; payment counts ${counted} more as not_allowed, by ${named?.caller}`,
      ok:
        answers.every((answer) => answer.startsWith('403 ') && !/allow|cart|rule/.test(answer)) &&
        counted === tries &&
        named?.caller === 'product-catalog',
    }
  },
}

/** `403 payment: …`: over gRPC it is PERMISSION_DENIED. */
function inStatus(error: unknown): string {
  if (!(error instanceof Problem)) throw error
  return `${error.status} ${error.message}`
}
