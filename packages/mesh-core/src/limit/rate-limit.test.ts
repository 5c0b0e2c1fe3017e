/** Calls beyond the rate are refused before they cost anything, and told when to come back. */
import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { REFUSED } from '../kernel/verdict.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { rateLimit } from './rate-limit.ts'
import { TokenBucket } from './token-bucket.ts'

function callAt(startedAt: number): Call {
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.startedAt = startedAt
  return call
}

test('a call within the rate goes on, one beyond it is refused with whole milliseconds to wait', async () => {
  const bucket = new TokenBucket()
  bucket.tune({ perSecond: 3, burst: 1 }, 0)
  const bottom = scriptedSend('ok')
  const send = rateLimit(bucket)(bottom)
  expect(await send(callAt(0))).toBe(bottom.outcomes[0])
  const refused = await send(callAt(10))
  expect([refused.verdict, refused.code, refused.at, refused.retryAfterMs]).toEqual([REFUSED, 'RATE_LIMITED', 10, 324])
  await send(callAt(334))
  expect(bottom.attempts).toHaveLength(2)
})
