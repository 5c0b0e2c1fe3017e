import fc from 'fast-check'
import { test } from 'vitest'
import { abortPlan } from './abort-plan.ts'
import { runAborts } from './abort-run.ts'
import { directStage } from './direct-stage.ts'
import { http } from './http/http-wire.ts'
import { socketsStage } from './sockets-stage.ts'

test.concurrent('in memory, callers who leave at any await point leave nothing behind, and no call outlives its deadline', async () => {
  const property = fc.asyncProperty(abortPlan, async (plan) => {
    await using stage = directStage(http, plan)
    await runAborts(plan, stage)
  })
  await fc.assert(property, { numRuns: 500 })
})

test.concurrent('over sockets, callers who leave at any moment leave nothing behind, and no call outlives its deadline', async () => {
  const property = fc.asyncProperty(abortPlan, async (plan) => {
    await using stage = await socketsStage(http, plan)
    await runAborts(plan, stage)
  })
  await fc.assert(property, { numRuns: 60, endOnFailure: true })
})
