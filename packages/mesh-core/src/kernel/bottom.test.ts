import { expect, test } from 'vitest'
import { bottomSend } from './bottom.ts'
import { Call } from './call.ts'
import { ended } from './outcome.ts'
import { BROKEN, CANCELLED } from './verdict.ts'

function call(): Call {
  const start = { service: 'payment', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true } as const
  return new Call(start)
}

test('a bottom gives its outcome through the callback', async () => {
  const outcome = await bottomSend((one, give) => give(ended(one, 7)))(call())
  expect([outcome.verdict, outcome.at]).toEqual([CANCELLED, 7])
})

test('a bottom that throws answers that the attempt is broken, with what was thrown', async () => {
  const thrown = new Error('a bug')
  const outcome = await bottomSend(() => {
    throw thrown
  })(call())
  expect([outcome.verdict, outcome.error, outcome.open]).toEqual([BROKEN, thrown, false])
})

test('a bottom that throws after it has begun to wait is told to stop, and its own outcome no longer counts', async () => {
  const one = call()
  let stopped = 0
  const outcome = await bottomSend((waiting, give) => {
    waiting.cancel = {
      cancelled: () => {
        stopped++
        give(ended(waiting, 0))
      },
    }
    throw 'a bug'
  })(one)
  expect([outcome.verdict, outcome.error?.message, stopped, one.cancel]).toEqual([BROKEN, 'a bug', 1, null])
})
