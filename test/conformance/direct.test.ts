import { describe, test } from 'vitest'
import { directStage } from './direct-stage.ts'
import { list } from './list.ts'
import { play } from './play.ts'

describe.concurrent.each(Object.entries(list))('%s', (_theme, cases) => {
  for (const one of cases) {
    const why = one.not?.direct
    test.skipIf(why !== undefined)(why === undefined ? one.name : `${one.name} (not here: ${why})`, async () => {
      await using stage = await directStage(one)
      await play(one, stage)
    })
  }
})
