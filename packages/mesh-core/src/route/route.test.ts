/** A call is given its version once, before everything that happens per attempt. */
import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { route } from './route.ts'
import { Split } from './split.ts'

test('each call is written its version and goes on in the same tick', () => {
  const numbers = [0.1, 0.95]
  const split = new Split(
    [
      { version: 'v1', weight: 90 },
      { version: 'v2', weight: 10 },
    ],
    () => numbers.shift() as number,
  )
  const bottom = scriptedSend('ok')
  const send = route(split)(bottom)
  for (let n = 0; n < 2; n++) {
    void send(new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true }))
  }
  expect(bottom.attempts.map(({ version }) => version)).toEqual(['v1', 'v2'])
})
