/** Plays the whole list over one wire on one kind of stage, as tests of vitest. */
import { beforeAll, describe, test } from 'vitest'
import type { Case, RunnerName } from './case.ts'
import { list } from './list.ts'
import { play } from './play.ts'
import type { Stage } from './stage.ts'
import type { Wire } from './wire.ts'
import { call, read } from './words.ts'

const first: Case = { name: 'the first call', policy: {}, upstream: {}, steps: [call(read(), { verdict: 'ok' })] }

/** @param stageOf makes the stage of a case */
export function playList(wire: Wire, runner: RunnerName, stageOf: (wire: Wire, of: Case) => Stage | Promise<Stage>): void {
  // What is loaded at the first call is no part of anybody's time.
  beforeAll(async () => {
    await using stage = await stageOf(wire, first)
    await play(first, stage)
  })
  describe.concurrent.each(Object.entries(list))('%s', (_theme, cases) => {
    for (const one of cases) {
      const why = one.not?.[runner] ?? one.not?.[wire.name]
      test.skipIf(why !== undefined)(why === undefined ? one.name : `${one.name} (not here: ${why})`, async () => {
        await using stage = await stageOf(wire, one)
        await play(one, stage)
      })
    }
  })
}
