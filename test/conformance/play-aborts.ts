/** Plays random worlds in which callers leave over one wire, in memory and over sockets, as tests of vitest. */
import fc from 'fast-check'
import { test } from 'vitest'
import { abortPlan } from './abort-plan.ts'
import { runAborts } from './abort-run.ts'
import { directStage } from './direct-stage.ts'
import { socketsStage } from './sockets-stage.ts'
import type { Wire } from './wire.ts'

// One after the other: the worlds in memory need the machine for themselves.
export function playAborts(wire: Wire): void {
  test('in memory, callers who leave at any await point leave nothing behind, and no call outlives its deadline', async () => {
    const property = fc.asyncProperty(abortPlan, async (plan) => {
      await using stage = directStage(wire, plan)
      await runAborts(plan, stage)
    })
    await fc.assert(property, { numRuns: 500 })
  })

  test('over sockets, callers who leave at any moment leave nothing behind, and no call outlives its deadline', async () => {
    const property = fc.asyncProperty(abortPlan, async (plan) => {
      await using stage = await socketsStage(wire, plan)
      await runAborts(plan, stage)
    })
    await fc.assert(property, { numRuns: 60, endOnFailure: true })
  })
}
