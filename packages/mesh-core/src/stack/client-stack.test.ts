import { describe, expect, test } from 'vitest'
import type { Call } from '../kernel/call.ts'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import type { Outcome } from '../kernel/outcome.ts'
import { CANCELLED, OK, verdictName } from '../kernel/verdict.ts'
import { bareStack } from '../testing/bare-stack.ts'
import type { ScriptEntry } from '../testing/scripted-send.ts'
import { seededRandom } from '../testing/seeded-random.ts'

const noRetry = { retry: { attempts: 1 } } as const

describe('the order of layers', () => {
  test('an injected fault is retried, counts against its endpoint, and opens the breaker', async () => {
    const { run, bottom, state, told, clock } = bareStack(
      {
        fault: { outbound: { abort: { status: 503 } } },
        retry: { attempts: 2, backoff: { base: 0, cap: 0 } },
        breaker: { consecutiveFailures: 2 },
        outlier: { consecutiveFailures: 2 },
      },
      'ok',
    )
    for (let n = 0; n < 2; n++) expect((await run()).attempt).toBe(2)
    expect(state.circuits.get('')?.state).toBe('open')
    expect(told.some((move) => move.endsWith('ejected'))).toBe(true)
    expect((await run()).code).toBe('BREAKER_OPEN')
    expect([bottom.attempts.length, clock.now()]).toEqual([0, 0])
  })

  test('an injected delay makes an attempt late', async () => {
    const { start, clock, bottom, held } = bareStack(
      { fault: { outbound: { delay: { for: '2s' } } }, attemptTimeout: '1s', timeout: '5s', ...noRetry },
      'ok',
    )
    const { done } = start()
    await clock.advance('1s')
    expect(verdictName((await done).verdict)).toBe('late')
    expect([bottom.attempts.length, ...held()]).toEqual([0, 0, 0, 0, 0])
  })

  test('the wait in line counts in the time for the call, but not in that of an attempt', async () => {
    const { start, clock, bottom } = bareStack(
      { limit: { outbound: { inFlight: 1, queue: 1 } }, timeout: '10s', attemptTimeout: '3s', ...noRetry },
      'never',
    )
    const first = start()
    const second = start()
    await clock.advance('2s')
    bottom.answer(0, 'ok')
    await first.done
    await clock.advance('2s')
    // Four seconds old, two of them on the wire.
    expect(bottom.attempts[1]).toMatchObject({ at: 2000, deadlineAt: 10_000 })
    await clock.advance('1s')
    const outcome = await second.done
    expect([verdictName(outcome.verdict), clock.now()]).toEqual(['late', 5000])
  })

  test('a call that expires in line says so and never begins', async () => {
    const { start, clock, bottom, held } = bareStack({ limit: { outbound: { inFlight: 1, queue: 1 } }, timeout: '1s' }, 'never')
    const first = start()
    const second = start()
    await clock.advance('1s')
    const [one, two] = [await first.done, await second.done]
    expect([verdictName(one.verdict), verdictName(two.verdict), two.attempt, bottom.attempts.length]).toEqual(['expired', 'expired', 0, 1])
    expect(held()).toEqual([0, 0, 0, 0])
  })

  test('a call that waits until the service is ready has one place, one token and no budget, and is one call to the breaker', async () => {
    const { start, run, clock, state, source, bottom, held } = bareStack(
      {
        rateLimit: { outbound: { perSecond: 1, burst: 2 } },
        limit: { outbound: { inFlight: 1 } },
        breaker: { consecutiveFailures: 2, openFor: '10s' },
        timeout: '1m',
      },
      (_call, n) => (n < 6 ? 'unreached' : 'ok'),
    )
    const infos = source.current as readonly EndpointInfo[]
    const budget = state.budget.left(clock.now())
    const { done } = start({ waitsForReady: true })
    await clock.advance('400ms')
    expect([bottom.attempts.length, state.circuits.get('')?.state]).toEqual([5, 'closed'])
    expect((await run()).code).toBe('LIMIT_FULL')
    source.set([])
    await clock.advance('5s')
    source.set(infos)
    await clock.advance('2s')
    expect([verdictName((await done).verdict), bottom.attempts.length]).toEqual(['ok', 7])
    expect([state.budget.left(clock.now()) >= budget, ...held()]).toEqual([true, 0, 0, 0, 0])
  })

  test('a call that has waited goes on under the policy in force by then', async () => {
    const to = (version: string) => ({ versions: { [version]: { labels: { version } } }, to: [{ version, weight: 1 }] })
    for (const [before, after, version] of [
      [{}, to('v2'), 'v2'],
      [to('v1'), to('v2'), 'v2'],
      [to('v1'), {}, ''],
    ] as const) {
      const { start, clock, source, bottom, adopt } = bareStack({ timeout: '1m', ...before }, 'ok', ['v1', 'v2'])
      const infos = source.current as readonly EndpointInfo[]
      source.set([])
      const { done } = start({ waitsForReady: true })
      await clock.advance('1s')
      adopt(after)
      source.set(infos)
      await clock.advance('1s')
      expect([verdictName((await done).verdict), bottom.attempts.map((attempt) => attempt.version)]).toEqual(['ok', [version]])
    }
  })

  test('a rate-limited call neither takes a place nor starts the probe of an open breaker', async () => {
    const { run, clock, state, bottom } = bareStack(
      { rateLimit: { outbound: { perSecond: 1, burst: 1 } }, breaker: { consecutiveFailures: 1, openFor: '500ms' }, ...noRetry },
      'fault',
    )
    await run()
    await clock.advance('500ms')
    const refused = await run()
    expect([refused.code, refused.retryAfterMs, state.circuits.get('')?.state]).toEqual(['RATE_LIMITED', 500, 'open'])
    await clock.advance('500ms')
    await run()
    expect(bottom.attempts).toHaveLength(2)
  })

  test('a place is held for the whole call, its retries and pauses included', async () => {
    const { start, clock, bottom, state } = bareStack(
      { limit: { outbound: { inFlight: 1, queue: 1 } } },
      { verdict: 'unavailable', retryAfterMs: 1000 },
    )
    const first = start()
    const second = start()
    await clock.advance('1500ms')
    expect([bottom.attempts.map(({ call }) => call === first.call), state.gate.queued]).toEqual([[true, true], 1])
    await clock.advance('10s')
    await Promise.all([first.done, second.done])
  })

  test('the breaker counts calls, not attempts', async () => {
    const { run, state, bottom } = bareStack(
      { breaker: { consecutiveFailures: 2 }, retry: { attempts: 3, backoff: { base: 0, cap: 0 } } },
      'unavailable',
    )
    await run()
    expect([bottom.attempts.length, state.circuits.get('')?.state]).toEqual([3, 'closed'])
    await run()
    expect(state.circuits.get('')?.state).toBe('open')
  })

  test('every attempt of a call goes to the version that was drawn once, and to another endpoint of it', async () => {
    const versions = { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } } }
    const { run, bottom } = bareStack(
      {
        versions,
        to: [{ version: 'v1' }, { version: 'v2' }],
        retry: { attempts: 2, backoff: { base: 0, cap: 0 } },
      },
      'unavailable',
      ['v1', 'v1', 'v2', 'v2'],
    )
    for (let n = 0; n < 20; n++) await run()
    for (let n = 0; n < 40; n += 2) {
      const [one, two] = bottom.attempts.slice(n, n + 2).map(({ endpoint }) => endpoint as Endpoint) as [Endpoint, Endpoint]
      expect(one.labels.version).toBe(two.labels.version)
      expect(one).not.toBe(two)
    }
  })

  test('a probe that finds no endpoint, or no time, gives its place to the next', async () => {
    const { run, clock, source, state } = bareStack({ breaker: { consecutiveFailures: 1, openFor: '1s' }, ...noRetry }, ['fault', 'ok'])
    await run()
    await clock.advance('1s')
    const infos = source.current as readonly EndpointInfo[]
    source.set([])
    expect((await run()).code).toBe('NO_ENDPOINT')
    source.set(infos)
    expect((await run()).verdict).toBe(OK)
    expect(state.circuits.get('')?.state).toBe('closed')
  })

  test('refuses nothing for want of endpoints in balance: the only one of a version is used though it fails', async () => {
    const { run, state } = bareStack(
      { versions: { v2: { labels: { version: 'v2' } } }, to: [{ version: 'v2' }], outlier: { consecutiveFailures: 1 }, ...noRetry },
      'fault',
      ['v1', 'v1', 'v2'],
    )
    for (let n = 0; n < 5; n++) expect(verdictName((await run()).verdict)).toBe('fault')
    expect(state.ejections.out).toBe(1)
  })
})

describe('whatever happens to a call', () => {
  const document = {
    timeout: '2s',
    attemptTimeout: '400ms',
    retry: { attempts: 3, backoff: { base: '50ms', cap: '100ms' } },
    limit: { outbound: { inFlight: 4, queue: 4, queueFor: '300ms' } },
    breaker: { consecutiveFailures: 50 },
    outlier: { consecutiveFailures: 3, ejectFor: '200ms' },
    fault: { outbound: { delay: { for: '20ms', ratio: 0.3 }, abort: { status: 500, ratio: 0.1 } } },
  } as const

  test('nothing is held afterwards: no place, no alarm, no attempt, no probe, whenever its caller leaves', async () => {
    const random = seededRandom(42)
    const script: ScriptEntry = () => {
      const draw = random()
      if (draw < 0.2) return 'never'
      if (draw < 0.4) return { verdict: 'unavailable', afterMs: 30, open: true }
      if (draw < 0.5) return { verdict: 'broken', staleConnection: true }
      if (draw < 0.7) return { verdict: 'ok', afterMs: 200, open: true }
      return draw < 0.8 ? 'fault' : { verdict: 'ok', afterMs: 100 }
    }
    const { start, clock, source, held, state, adopt, bottom } = bareStack(document, script)
    const infos = source.current as readonly EndpointInfo[]
    const calls: { call: Call; done: Promise<Outcome> }[] = []
    for (let n = 0; n < 400; n++) {
      calls.push(start({ idempotent: random() < 0.7 }))
      if (random() < 0.2) calls[Math.floor(random() * calls.length)]?.call.end(CANCELLED)
      if (random() < 0.05) source.set(infos.filter(() => random() < 0.7))
      if (random() < 0.05) adopt(random() < 0.5 ? {} : document)
      await clock.advance(Math.floor(random() * 60))
      for (const outcome of bottom.outcomes) if (outcome?.open && random() < 0.1) outcome.settle(random() < 0.5 ? OK : CANCELLED)
    }
    await clock.advance('20s')
    for (const outcome of bottom.outcomes) outcome?.settle(CANCELLED)
    await Promise.all(calls.map(({ done }) => done))
    expect(held()).toEqual([0, 0, 0, 0])
    const attempts = bottom.attempts.map(({ endpoint }) => endpoint as Endpoint)
    expect(attempts.every(({ inFlight }) => inFlight === 0)).toBe(true)
    expect(state.ejections.out).toBe([...state.endpoints.all].filter(({ guard }) => guard?.out === true).length)
  })
})
