/** What an outcome says about the server, verdict by verdict. */
import { expect, test } from 'vitest'
import { Call } from './call.ts'
import { Endpoint } from './endpoint.ts'
import { type Evidence, FAILURE, NOTHING, SUCCESS, THROTTLE, weigh } from './evidence.ts'
import { Outcome } from './outcome.ts'
import { OK, type VerdictName, verdictNames, verdicts } from './verdict.ts'

const endpoint = new Endpoint('cart', { address: '10.0.0.1:80', labels: {}, zone: '', weight: 1 })

function outcomeAt(where: Endpoint | null, staleConnection = false): Outcome {
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.endpoint = where
  return new Outcome(call, OK, { reply: null, error: null, code: '', at: 0, retryAfterMs: -1, staleConnection, open: false })
}

const expected: Readonly<Record<VerdictName, Evidence>> = {
  ok: SUCCESS,
  rejected: SUCCESS,
  throttled: THROTTLE,
  unavailable: FAILURE,
  fault: FAILURE,
  refused: NOTHING,
  late: FAILURE,
  expired: FAILURE,
  unreached: FAILURE,
  broken: FAILURE,
  cancelled: NOTHING,
}

test.each(verdictNames)('an attempt that ended %s is weighed by its final verdict', (name) => {
  expect(weigh(outcomeAt(endpoint), verdicts[name])).toBe(expected[name])
})

test.each(['expired', 'late', 'refused', 'cancelled'] as const)('a call that went nowhere and ended %s says nothing', (name) => {
  expect(weigh(outcomeAt(null), verdicts[name])).toBe(NOTHING)
})

test('a connection that the server had closed while it was idle says nothing', () => {
  expect(weigh(outcomeAt(endpoint, true), verdicts.broken)).toBe(NOTHING)
  expect(weigh(outcomeAt(endpoint, true), verdicts.unreached)).toBe(NOTHING)
})

test('a caller who had next to no time says nothing by running out of it, and everything else as ever', () => {
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.endpoint = endpoint
  call.hurried = true
  const outcome = new Outcome(call, OK, {
    reply: null,
    error: null,
    code: '',
    at: 0,
    retryAfterMs: -1,
    staleConnection: false,
    open: false,
  })
  expect([weigh(outcome, verdicts.expired), weigh(outcome, verdicts.fault), weigh(outcome, verdicts.ok)]).toEqual([
    NOTHING,
    FAILURE,
    SUCCESS,
  ])
})

test('an identity that this process lacks says nothing about the server', () => {
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.endpoint = endpoint
  const answer = { reply: null, error: null, at: 0, retryAfterMs: -1, staleConnection: false, open: false }
  const without = new Outcome(call, verdicts.unreached, { ...answer, code: 'NO_IDENTITY' })
  const wrong = new Outcome(call, verdicts.unreached, { ...answer, code: 'WRONG_PEER' })
  expect([weigh(without, verdicts.unreached), weigh(wrong, verdicts.unreached)]).toEqual([NOTHING, FAILURE])
})
