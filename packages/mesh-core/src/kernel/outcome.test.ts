/** Whoever signs up for the end of an outcome is told of it once. */
import { expect, test } from 'vitest'
import { Call } from './call.ts'
import { Endpoint } from './endpoint.ts'
import { ended, Outcome, refusal, refusalFor, type Settler } from './outcome.ts'
import { BROKEN, CANCELLED, EXPIRED, LATE, OK, REFUSED, type Verdict, verdictName } from './verdict.ts'

const newCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

const newOutcome = (call: Call, verdict: Verdict, open: boolean): Outcome =>
  new Outcome(call, verdict, { reply: null, error: null, code: '', at: 0, retryAfterMs: -1, staleConnection: false, open })

class Account implements Settler {
  readonly entries: string[] = []

  settled(_outcome: Outcome, final: Verdict, mark: number): void {
    this.entries.push(`${verdictName(final)} ${mark}`)
  }
}

test('who signs up for an outcome that came whole is told at once', () => {
  const account = new Account()
  newOutcome(newCall(), OK, false).whenSettled(account, 7)
  expect(account.entries).toEqual(['ok 7'])
})

test('who signs up while the body is on its way is told at its end, with the final verdict, in the order of signing up', () => {
  const account = new Account()
  const outcome = newOutcome(newCall(), OK, true)
  outcome.whenSettled(account, 1)
  outcome.whenSettled(account, 2)
  expect(account.entries).toEqual([])
  outcome.settle(BROKEN)
  expect(account.entries).toEqual(['broken 1', 'broken 2'])
  expect(outcome.open).toBe(false)
  expect(outcome.verdict).toBe(OK)
})

test('who signs up after the body broke, in the very tick of its head, hears that it broke', () => {
  const account = new Account()
  const outcome = newOutcome(newCall(), OK, true)
  outcome.settle(BROKEN)
  outcome.whenSettled(account, 1)
  expect(account.entries).toEqual(['broken 1'])
})

test('an outcome settles once; the first end counts', () => {
  const account = new Account()
  const outcome = newOutcome(newCall(), OK, true)
  outcome.whenSettled(account, 1)
  outcome.settle(CANCELLED)
  outcome.settle(OK)
  outcome.whenSettled(account, 2)
  expect(account.entries).toEqual(['cancelled 1', 'cancelled 2'])
})

test('who signs up while the end is told is told as well', () => {
  const account = new Account()
  const outcome = newOutcome(newCall(), OK, true)
  outcome.whenSettled({ settled: () => outcome.whenSettled(account, 9) }, 0)
  outcome.settle(OK)
  expect(account.entries).toEqual(['ok 9'])
})

test('an outcome remembers its endpoint and attempt while the call goes elsewhere', () => {
  const call = newCall()
  const [first, second] = ['10.0.0.1:80', '10.0.0.2:80'].map(
    (address) => new Endpoint('cart', { address, labels: {}, zone: '', weight: 1 }),
  ) as [Endpoint, Endpoint]
  call.endpoint = first
  call.nextAttempt()
  const outcome = newOutcome(call, OK, true)
  call.endpoint = second
  call.nextAttempt()
  expect([outcome.endpoint, outcome.attempt]).toEqual([first, 1])
})

test('a refusal says why, and when to come back', () => {
  const full = refusal(newCall(), 'LIMIT_FULL', 5)
  expect([full.verdict, full.code, full.at, full.retryAfterMs, full.open]).toEqual([REFUSED, 'LIMIT_FULL', 5, -1, false])
  expect(refusalFor(newCall(), 'RATE_LIMITED', { at: 5, retryAfterMs: 40 }).retryAfterMs).toBe(40)
})

test.each([
  [LATE, 'LATE'],
  [EXPIRED, 'EXPIRED'],
  [CANCELLED, 'CANCELLED'],
] as const)('a call that ended with %s while it waited has that outcome', (how, code) => {
  const call = newCall()
  call.end(how)
  const outcome = ended(call, 3)
  expect([outcome.verdict, outcome.code, outcome.at, outcome.reply]).toEqual([how, code, 3, null])
})
