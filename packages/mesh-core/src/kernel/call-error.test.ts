/** An outcome without a reply becomes a sentence that a pager can act on. */
import { expect, test } from 'vitest'
import { Call } from './call.ts'
import { attemptRecord, callError } from './call-error.ts'
import { Endpoint } from './endpoint.ts'
import type { ErrorCode } from './mesh-error.ts'
import { ended, Outcome, refusal } from './outcome.ts'
import { BROKEN, EXPIRED, FAULT, LATE, UNREACHED, type Verdict } from './verdict.ts'

const endpoint = new Endpoint('payment', { address: '10.0.0.7:8080', labels: {}, zone: '', weight: 1 })

function newCall(path = '/charge?card=4111'): Call {
  const call = new Call({ service: 'payment', method: 'POST', path, kind: 'unary', message: null, replayable: true, idempotent: true })
  call.startedAt = 1000
  return call
}

function attempt(call: Call, verdict: Verdict, why: { error?: Error; code?: ErrorCode } = {}): Outcome {
  call.nextAttempt()
  call.endpoint = endpoint
  const { error = null, code = '' } = why
  return new Outcome(call, verdict, { reply: null, error, code, at: 0, retryAfterMs: -1, staleConnection: false, open: false })
}

test('the sentence says what happened, for which request, after how long and how many attempts, and where the last one went', () => {
  const call = newCall()
  call.failures = [attemptRecord(attempt(call, LATE)), attemptRecord(attempt(call, LATE))]
  const error = callError(call, attempt(call, LATE, { code: 'LATE' }), { revision: 'r7', now: 1250.4 })
  expect(error.message).toBe(
    'payment: no answer within the attempt timeout for POST /charge, after 250 ms, 3 attempts, last 10.0.0.7:8080 late',
  )
  expect(error).toMatchObject({ code: 'LATE', service: 'payment', endpoint: '10.0.0.7:8080', verdict: 'late', revision: 'r7' })
  expect(error.attempts.map((record) => record.attempt)).toEqual([1, 2, 3])
})

test('one attempt is singular, and what the wire said comes last and as the cause', () => {
  const call = newCall()
  const cause = new Error('connect ECONNREFUSED')
  const error = callError(call, attempt(call, UNREACHED, { error: cause }), { revision: 'r7', now: 1003 })
  expect(error.message).toBe(
    'payment: no connection could be made for POST /charge, after 3 ms, 1 attempt, last 10.0.0.7:8080 unreached (connect ECONNREFUSED)',
  )
  expect(error.cause).toBe(cause)
  expect(error.attempts[0]?.detail).toBe('connect ECONNREFUSED')
})

test('a refusal went nowhere and captures no stack', () => {
  const call = newCall()
  const error = callError(call, refusal(call, 'BREAKER_OPEN', 1000), { revision: 'r7', now: 1000 })
  expect(error.message).toBe('payment: the breaker is open for POST /charge')
  expect(error.attempts).toEqual([])
  expect(error.stack).not.toContain('\n    at ')
})

test('a call that ran out of time between attempts lists each attempt once', () => {
  const call = newCall()
  call.failures = [attemptRecord(attempt(call, LATE))]
  call.end(EXPIRED)
  const error = callError(call, ended(call, 1500), { revision: 'r7', now: 1500 })
  expect(error.code).toBe('EXPIRED')
  expect(error.attempts).toHaveLength(1)
})

test.each([
  [BROKEN, 'BROKEN'],
  [UNREACHED, 'UNREACHED'],
  [EXPIRED, 'EXPIRED'],
  [FAULT, 'BAD_REPLY'],
] as const)('an outcome of verdict %i that brings no code has %s', (verdict, code) => {
  const call = newCall()
  expect(callError(call, attempt(call, verdict), { revision: 'r7', now: 1000 }).code).toBe(code)
})

test('the sentence holds neither the query nor a path of any length', () => {
  const call = newCall(`/${'a'.repeat(16_000)}?token=secret`)
  const { message } = callError(call, refusal(call, 'LIMIT_FULL', 1000), { revision: 'r7', now: 1000 })
  expect(message.length).toBeLessThan(400)
  expect(message).not.toContain('secret')
})

test('a record of an attempt that was answered names the status', () => {
  const call = newCall()
  call.endpoint = endpoint
  call.nextAttempt()
  const reply = { status: '503', discard: () => {} }
  const outcome = new Outcome(call, FAULT, { reply, error: null, code: '', at: 0, retryAfterMs: -1, staleConnection: false, open: false })
  expect(attemptRecord(outcome)).toEqual({ attempt: 1, endpoint: '10.0.0.7:8080', verdict: 'fault', detail: '503' })
})
