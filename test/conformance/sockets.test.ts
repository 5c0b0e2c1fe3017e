import { describe, test } from 'vitest'
import { list } from './list.ts'
import { play } from './play.ts'
import { socketsStage } from './sockets-stage.ts'

describe.concurrent.each(Object.entries(list))('%s', (_theme, cases) => {
  for (const one of cases) {
    const why = one.not?.sockets
    test.skipIf(why !== undefined)(why === undefined ? one.name : `${one.name} (not here: ${why})`, async () => {
      await using stage = await socketsStage(one)
      await play(one, stage)
    })
  }
})
