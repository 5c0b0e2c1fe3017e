/** Tells the story: plays the steps in their order, and says of each what was done, expected and seen. */
import { canary } from './canary.ts'
import { controlBack } from './control-back.ts'
import { controlKilled } from './control-killed.ts'
import { everythingUp } from './everything-up.ts'
import { leavesRenewed } from './leaves-renewed.ts'
import { mayNotCall } from './may-not-call.ts'
import { inWords } from './pace.ts'
import { parallelStock } from './parallel-stock.ts'
import { paymentHeals } from './payment-heals.ts'
import { policyChange } from './policy-change.ts'
import { policyPush } from './policy-push.ts'
import { policyRefused } from './policy-refused.ts'
import { rollback } from './rollback.ts'
import { rollingRestart } from './rolling-restart.ts'
import { rootTurnedOver } from './root-turned-over.ts'
import type { Screen } from './screen.ts'
import { slowPayment } from './slow-payment.ts'
import type { Seen, Stage, Step } from './stage.ts'
import { strangers } from './strangers.ts'
import { suddenDeath } from './sudden-death.ts'
import { turnStrict } from './turn-strict.ts'

const steps: readonly Step[] = [
  everythingUp,
  turnStrict,
  slowPayment,
  policyChange,
  paymentHeals,
  suddenDeath,
  rollingRestart,
  canary,
  parallelStock,
  strangers,
  mayNotCall,
  policyPush,
  controlKilled,
  controlBack,
  leavesRenewed,
  rootTurnedOver,
  policyRefused,
  rollback,
]

/** A step as it was played. */
export interface Told {
  readonly name: string
  readonly expected: string
  readonly seen: string
  readonly ok: boolean
}

interface Played extends Seen {
  /** True where the step could not come to its end. */
  readonly isBroken: boolean
}

const notPlayed: Played = { seen: 'not played, because a step before broke off', ok: false, isBroken: true }

async function play(step: Step, stage: Stage): Promise<Played> {
  try {
    return { ...(await step.play(stage)), isBroken: false }
  } catch (error) {
    return { seen: `broke off: ${error instanceof Error ? error.message : String(error)}`, ok: false, isBroken: true }
  }
}

/** Plays every step. After one that broke off nothing that follows could be believed: the rest counts as not played, and not as held. */
export async function tell(stage: Stage, screen: Screen): Promise<readonly Told[]> {
  const told: Told[] = []
  let isBroken = false
  for (const [index, step] of steps.entries()) {
    const expected = step.expected(stage)
    screen.line()
    screen.line(`${index + 1}  ${step.name}`)
    const start = performance.now()
    const played: Played = isBroken ? notPlayed : await play(step, stage)
    const { seen, ok } = played
    isBroken = played.isBroken
    screen.line(`   expected  ${expected}`)
    screen.line(`   seen      ${seen}`)
    screen.line(`   ${ok ? 'ok' : 'NOT OK'} in ${inWords(performance.now() - start)}`)
    told.push({ name: step.name, expected, seen, ok })
  }
  return told
}
