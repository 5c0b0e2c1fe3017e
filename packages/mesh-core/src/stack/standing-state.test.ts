import { describe, expect, test } from 'vitest'
import { FAULT } from '../kernel/verdict.ts'
import { bareStack } from '../testing/bare-stack.ts'

const noRetry = { retry: { attempts: 1 } } as const

describe('a change of policy', () => {
  test('that takes the limit away lets the line in at once', async () => {
    const { start, adopt, bottom, clock, state } = bareStack({ limit: { outbound: { inFlight: 1, queue: 5 } } }, 'never')
    const calls = [start(), start(), start()]
    await clock.advance(0)
    expect(bottom.attempts).toHaveLength(1)
    adopt({})
    await clock.advance(0)
    expect([bottom.attempts.length, state.gate.inFlight, state.gate.queued]).toEqual([3, 3, 0])
    for (const n of [0, 1, 2]) bottom.answer(n, 'ok')
    await Promise.all(calls.map(({ done }) => done))
    expect(state.gate.inFlight).toBe(0)
  })

  test('that brings a limit knows at once how many are inside', async () => {
    const { start, run, adopt, clock } = bareStack({}, 'never')
    start()
    start()
    await clock.advance(0)
    adopt({ limit: { outbound: { inFlight: 2 } } })
    expect((await run()).code).toBe('LIMIT_FULL')
  })

  test('keeps counts of failures under a new threshold, and forgets them without a breaker', async () => {
    const { run, adopt, state } = bareStack({ breaker: { consecutiveFailures: 10 }, ...noRetry }, 'fault')
    for (let n = 0; n < 4; n++) await run()
    adopt({ breaker: { consecutiveFailures: 5 }, ...noRetry })
    await run()
    expect(state.circuits.get('')?.state).toBe('open')
    adopt(noRetry)
    expect((await run()).verdict).toBe(FAULT)
    adopt({ breaker: { consecutiveFailures: 5 }, ...noRetry })
    for (let n = 0; n < 4; n++) await run()
    expect(state.circuits.get('')?.state).toBe('closed')
  })

  test('that removes a version lets the calls end that are on their way there, and keeps no circuit of it', async () => {
    const versions = { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } } }
    const breaker = { consecutiveFailures: 1 }
    const { start, adopt, clock, bottom, state } = bareStack(
      { versions, to: [{ version: 'v2' }], breaker, limit: { outbound: { inFlight: 1, queue: 1 } } },
      ['never', 'fault'],
      ['v1', 'v2'],
    )
    const first = start()
    const second = start()
    await clock.advance(0)
    adopt({ versions: { v1: versions.v1 }, to: [{ version: 'v1' }], breaker })
    await clock.advance(0)
    expect((await second.done).endpoint?.labels.version).toBe('v2')
    bottom.answer(0, 'fault')
    await first.done
    expect([...state.circuits.keys()]).toEqual([])
  })

  test('has no say any more where the service was forgotten: a call that still comes finds no endpoint, not a closed mesh', async () => {
    const { run, state } = bareStack({ limit: { outbound: { inFlight: 1 } } }, 'ok')
    state.forget()
    expect((await run()).code).toBe('NO_ENDPOINT')
    state.close()
    expect((await run()).code).toBe('MESH_CLOSED')
  })

  test('keeps endpoints and what is under way there', async () => {
    const { start, adopt, clock, bottom, state, held } = bareStack({}, 'never')
    const { done } = start()
    await clock.advance(0)
    const before = [...state.endpoints.all]
    adopt({ balance: 'round-robin', outlier: {} })
    expect([...state.endpoints.all]).toEqual(before)
    bottom.answer(0, 'ok')
    await done
    expect(held()).toEqual([0, 0, 0, 0])
  })
})

describe('slow start', () => {
  test('is for endpoints that come later, not for those of the first list: there it is this process that is new', async () => {
    const { state, source, clock } = bareStack({ slowStart: '30s' }, 'ok')
    await clock.advance(5000)
    source.set([...(source.current ?? []), { address: 'late:1', labels: {}, zone: '', weight: 1 }])
    expect(state.endpoints.all.map(({ freshSince }) => freshSince)).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 5000])
  })
})
