import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { CANCELLED, EXPIRED, type VerdictName, verdictName, verdictNames } from '../kernel/verdict.ts'
import type { RetryPolicy } from '../policy/index.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type CountedReply, type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { retry } from './retry.ts'
import { RetryBudget } from './retry-budget.ts'

const policy: RetryPolicy = {
  attempts: 3,
  on: ['unreached', 'unavailable', 'broken'],
  baseMs: 25,
  capMs: 250,
  budgetRatio: 0.2,
  budgetMinPerSecond: 10,
}

function callOf(what: Partial<Pick<Call, 'idempotent' | 'replayable' | 'once'>> = {}): Call {
  const { idempotent = true, replayable = true, once = false } = what
  const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable, idempotent })
  call.once = once
  return call
}

function endpointAt(address: string): Endpoint {
  return new Endpoint('s', { address, labels: {}, zone: '', weight: 1 })
}

function underTest(
  script: readonly ScriptEntry[] | ScriptEntry,
  over: Partial<RetryPolicy> = {},
  { random = () => 0, exact = false }: { random?: () => number; exact?: boolean } = {},
) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const bottom = scriptedSend(script, clock)
  const budget = new RetryBudget({ ...policy, ...over })
  const send = retry({ policy: { ...policy, ...over }, budget, clock, wheel, jitter: random, exactPushback: exact })(bottom)
  return { clock, wheel, bottom, budget, send, spent: () => 100 - budget.left(clock.now()) }
}

describe('a call is never repeated where that is unsafe', () => {
  const all = verdictNames.filter((name) => !['ok', 'rejected', 'refused', 'expired', 'cancelled'].includes(name)) as RetryPolicy['on']
  for (const verdict of verdictNames) {
    for (const idempotent of [true, false]) {
      for (const replayable of [true, false]) {
        for (const once of [true, false]) {
          const wanted = (all as readonly VerdictName[]).includes(verdict)
          const repeats = wanted && replayable && !once && (idempotent || verdict === 'unreached')
          test(`${verdict}, idempotent ${idempotent}, replayable ${replayable}, once ${once}: ${repeats ? '' : 'not '}repeated`, async () => {
            const { send, bottom } = underTest(verdict, { on: all })
            const outcome = await send(callOf({ idempotent, replayable, once }))
            expect(bottom.attempts).toHaveLength(repeats ? 3 : 1)
            expect(verdictName(outcome.verdict)).toBe(verdict)
          })
        }
      }
    }
  }

  test('a body whose first byte was pulled by the attempt that failed is not sent again', async () => {
    const { send, bottom } = underTest((call) => {
      call.replayable = false
      return 'unavailable'
    })
    await send(callOf())
    expect(bottom.attempts).toHaveLength(1)
  })

  test('what the policy does not name is not repeated, however safe', async () => {
    const { send, bottom } = underTest('unreached', { on: ['unavailable'] })
    await send(callOf())
    expect(bottom.attempts).toHaveLength(1)
  })
})

describe('a retry', () => {
  test('stops at the first answer that is none to be repeated, and counts the first attempt among its attempts', async () => {
    const { send, bottom, spent } = underTest(['unavailable', 'ok'])
    const call = callOf()
    const outcome = await send(call)
    expect(bottom.attempts.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect([verdictName(outcome.verdict), outcome.attempt, spent()]).toEqual(['ok', 2, 1])
  })

  test('is not made where the policy allows one attempt', async () => {
    const { send, bottom, spent } = underTest('unavailable', { attempts: 1 })
    await send(callOf())
    expect([bottom.attempts.length, spent()]).toEqual([1, 0])
  })

  test('waits a random time that doubles and is capped', async () => {
    const { send, bottom, clock } = underTest('unavailable', { attempts: 5, baseMs: 25, capMs: 100 }, { random: () => 0.5 })
    const done = send(callOf())
    await clock.advance('1s')
    await done
    // Half of 25, 75, 100 and 100 ms.
    expect(bottom.attempts.map(({ at }) => at)).toEqual([0, 12.5, 50, 100, 150])
  })

  test('waits as long as the server asks', async () => {
    const { send, bottom, clock } = underTest([{ verdict: 'unavailable', retryAfterMs: 2000 }, 'ok'], {}, { random: () => 0.9 })
    const done = send(callOf())
    await clock.advance('3s')
    await done
    expect(bottom.attempts.map(({ at }) => at)).toEqual([0, 2000])
  })

  test('waits what the server asks, where the wire has it so, and its pauses begin anew', async () => {
    const asks = (retryAfterMs: number): ScriptEntry => ({ verdict: 'unavailable', retryAfterMs })
    const script = ['unavailable', asks(10), asks(0), 'unavailable', 'unavailable', 'ok'] as const
    const { send, bottom, clock } = underTest(script, { attempts: 6 }, { random: () => 0.9, exact: true })
    const done = send(callOf())
    await clock.advance('3s')
    await done
    // Nine tenths of 25 ms; 10 and 0 ms as asked for; nine tenths of 25 and 75 ms again.
    expect(bottom.attempts.map(({ at }) => at)).toEqual([0, 22.5, 32.5, 32.5, 55, 122.5])
  })

  test('is not made where the server asks for more than five minutes, even without a deadline', async () => {
    const { send, bottom, wheel, spent } = underTest({ verdict: 'unavailable', retryAfterMs: 300_001 })
    expect((await send(callOf())).retryAfterMs).toBe(300_001)
    expect([bottom.attempts.length, wheel.armed, spent()]).toEqual([1, 0, 0])
  })

  test('is not made where it would begin at or after the deadline, and spends nothing', async () => {
    const { send, bottom, spent } = underTest({ verdict: 'unavailable', retryAfterMs: 50 })
    const call = callOf()
    call.deadlineAt = 50
    const outcome = await send(call)
    expect(verdictName(outcome.verdict)).toBe('unavailable')
    expect([bottom.attempts.length, spent()]).toEqual([1, 0])
    expect((outcome.reply as CountedReply).discards).toBe(0)
  })

  test('is not made without budget: the answer that is here is handed up', async () => {
    const { send, bottom } = underTest('unavailable', { budgetRatio: 0, budgetMinPerSecond: 0 })
    expect(verdictName((await send(callOf())).verdict)).toBe('unavailable')
    expect(bottom.attempts).toHaveLength(1)
  })

  test('throws away the replies it does not hand up, each once, and lists the failures', async () => {
    const { send, bottom } = underTest(['unavailable', { verdict: 'broken', error: new Error('reset') }, 'unavailable'])
    const call = callOf()
    const outcome = await send(call)
    const discards = bottom.outcomes.map((answer) => (answer?.reply as CountedReply | null)?.discards)
    expect(discards).toEqual([1, undefined, 0])
    expect(outcome).toBe(bottom.outcomes[2])
    expect(call.failures).toEqual([
      { attempt: 1, endpoint: '', verdict: 'unavailable', detail: '503' },
      { attempt: 2, endpoint: '', verdict: 'broken', detail: 'reset' },
    ])
  })

  test('notes where attempts failed, for balance to avoid', async () => {
    const [a, b] = [endpointAt('a:1'), endpointAt('b:1')]
    const { send } = underTest([{ verdict: 'unavailable', endpoint: a }, { verdict: 'unavailable', endpoint: b }, 'ok'])
    const call = callOf()
    await send(call)
    expect(call.tried).toEqual([a, b])
  })

  test('that waits gives up when the call ends, and leaves no alarm behind', async () => {
    for (const how of [CANCELLED, EXPIRED] as const) {
      const { send, bottom, clock, wheel } = underTest({ verdict: 'unavailable', retryAfterMs: 1000 })
      const call = callOf()
      const done = send(call)
      await clock.advance('500ms')
      call.end(how)
      expect((await done).verdict).toBe(how)
      expect([bottom.attempts.length, wheel.armed, call.cancel]).toEqual([1, 0, null])
    }
  })

  test('is not made for a call that ended while its attempt failed', async () => {
    const { send, bottom, spent } = underTest((call) => {
      call.end(CANCELLED)
      return 'unavailable'
    })
    await send(callOf())
    expect([bottom.attempts.length, spent()]).toEqual([1, 0])
  })

  test('spends nothing for what the mesh refused', async () => {
    const { send, bottom, spent } = underTest('refused')
    await send(callOf())
    expect([bottom.attempts.length, spent()]).toEqual([1, 0])
  })
})

describe('a connection that the server had closed while it was idle', () => {
  const stale = { verdict: 'broken', staleConnection: true, error: new Error('reset') } as const

  test('costs neither budget nor an attempt of the policy, nor its endpoint', async () => {
    const a = endpointAt('a:1')
    const { send, bottom, spent } = underTest([{ ...stale, endpoint: a }, 'ok'], { attempts: 1, on: [] })
    const call = callOf()
    expect(verdictName((await send(call)).verdict)).toBe('ok')
    expect([bottom.attempts.length, spent(), call.tried]).toEqual([2, 0, null])
    expect(call.failures).toHaveLength(1)
  })

  test('is made good exactly once', async () => {
    const { send, bottom, spent } = underTest(stale, { attempts: 1 })
    await send(callOf())
    expect([bottom.attempts.length, spent()]).toEqual([2, 0])
    const more = underTest(stale, { attempts: 3 })
    await more.send(callOf())
    // One for free, two of the policy's.
    expect([more.bottom.attempts.length, more.spent()]).toEqual([4, 2])
  })

  test('is not made good where that is unsafe, nor where the caller asked for a single attempt', async () => {
    for (const what of [{ idempotent: false }, { replayable: false }, { once: true }]) {
      const { send, bottom } = underTest(stale)
      await send(callOf(what))
      expect(bottom.attempts).toHaveLength(1)
    }
  })

  test('is made good for any call of which no byte was written', async () => {
    const { send, bottom } = underTest([{ ...stale, verdict: 'unreached' }, 'ok'])
    await send(callOf({ idempotent: false }))
    expect(bottom.attempts).toHaveLength(2)
  })
})

test('a call that waits until the service is ready is handed up where nobody was reached, and earns the budget once', async () => {
  const { send, bottom, budget, clock, spent } = underTest(['unreached', 'unavailable', 'unreached', 'ok'])
  const call = callOf()
  call.waitsForReady = true
  expect(verdictName((await send(call)).verdict)).toBe('unreached')
  const earned = budget.left(clock.now())
  call.waited = 1
  const again = send(call)
  await clock.advance('1s')
  // What was answered is retried as ever.
  expect([verdictName((await again).verdict), bottom.attempts.length, spent()]).toEqual(['unreached', 3, 1])
  expect(budget.left(clock.now())).toBeLessThan(earned)
})
