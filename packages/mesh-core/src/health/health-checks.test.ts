import { array, assert, asyncProperty, constantFrom, integer } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { type CheckCriteria, type CheckWay, HealthChecks } from './health-checks.ts'

const criteria: CheckCriteria = {
  intervalMs: 1000,
  timeoutMs: 100,
  unhealthyAfter: 3,
  healthyAfter: 2,
}

const healthz = { what: '/healthz', well: '200' }

function underTest(
  script: ScriptEntry | readonly ScriptEntry[],
  size = 1,
  { asked = healthz, ...over }: Partial<CheckCriteria & Pick<CheckWay, 'asked'>> = {},
) {
  const clock = fakeClock()
  let endpoints = Array.from({ length: size }, (_, n) => new Endpoint('s', { address: `e${n}:1`, labels: {}, zone: '', weight: 1 }))
  const told: string[] = []
  const passes: boolean[] = []
  const checks = new HealthChecks({
    clock,
    random: seededRandom(2),
    endpoints: () => endpoints,
    passed: (_endpoint, answered) => void passes.push(answered),
    moved: ({ address, healthy }, reason) => told.push(`${address} ${healthy ? 'healthy' : 'unhealthy'}: ${reason}`),
  })
  const send = scriptedSend(script, clock)
  const way: CheckWay = {
    asked,
    call: () =>
      new Call({ service: 's', method: 'GET', path: '/healthz', kind: 'unary', message: null, replayable: true, idempotent: true }),
    send,
  }
  checks.tune({ ...criteria, ...over }, way)
  const leave = (endpoint: Endpoint): void => {
    endpoints = endpoints.filter((one) => one !== endpoint)
    endpoint.retire()
    checks.forget(endpoint)
  }
  // A round lasts an interval, give or take a tenth.
  const rounds = (count: number): Promise<void> => clock.advance(1100 * count)
  return { clock, checks, send, way, told, leave, rounds, endpoints, passes }
}

describe('active checks', () => {
  test('ask each endpoint once in an interval, spread over it', async () => {
    const { clock, send, endpoints } = underTest('ok', 10)
    await clock.advance(10_000)
    for (const endpoint of endpoints) {
      const asked = send.attempts.filter((attempt) => attempt.endpoint === endpoint)
      expect(asked.length).toBeGreaterThanOrEqual(9)
      expect(asked.length).toBeLessThanOrEqual(11)
    }
    const gaps = send.attempts.slice(1).map(({ at }, n) => at - (send.attempts[n]?.at ?? 0))
    expect([Math.min(...gaps) >= 90, Math.max(...gaps) <= 110, new Set(gaps).size > 5]).toEqual([true, true, true])
    expect(send.attempts[0]?.call.path).toBe('/healthz')
  })

  test('take an endpoint out after so many failures in a row, say why, and bring it back after so many passes', async () => {
    const failing = { verdict: 'fault' } as const
    const { told, rounds, endpoints, checks } = underTest([
      failing,
      failing,
      'ok',
      failing,
      failing,
      failing,
      'ok',
      failing,
      'ok',
      ...Array(9).fill('ok'),
    ])
    const [endpoint] = endpoints as [Endpoint]
    await rounds(5)
    expect([endpoint.healthy, told]).toEqual([true, []])
    await rounds(2)
    expect(told[0]).toBe('e0:1 unhealthy: its check of /healthz was answered with 500 instead of 200')
    expect([checks.reason(endpoint), endpoint.admits(0)]).toEqual(['its check of /healthz was answered with 500 instead of 200', false])
    await rounds(5)
    expect([endpoint.healthy, told.length, told[1], endpoint.freshSince > 0]).toEqual([true, 2, 'e0:1 healthy: its check passes', true])
  })

  test('take silence for a failure, in time, and let nobody wait for it twice', async () => {
    const { told, rounds, send } = underTest('never', 1, { timeoutMs: 250 })
    await rounds(4)
    expect(told).toEqual(['e0:1 unhealthy: its check of /healthz had no answer within 250 ms'])
    expect(send.waiting).toBeLessThanOrEqual(1)
  })

  test('learn nothing from a peer that is too busy, nor from an idle connection that died', async () => {
    for (const answer of [
      { verdict: 'unreached', status: '503' },
      { verdict: 'unreached', staleConnection: true },
    ] as const) {
      const { told, rounds, passes } = underTest(answer)
      await rounds(10)
      expect([told, passes]).toEqual([[], []])
    }
  })

  test('tell of every check that passes: others may have thrown the endpoint out', async () => {
    const { rounds, passes } = underTest('ok')
    await rounds(5)
    expect(passes.length).toBeGreaterThanOrEqual(4)
    expect(new Set(passes)).toEqual(new Set([true]))
  })

  test('that ask nothing pass where there is a connection, and say why there was none', async () => {
    const { told, rounds, passes } = underTest(['ok', 'unreached', 'unreached', 'ok', 'ok', 'never', 'never', ...Array(9).fill('ok')], 1, {
      asked: null,
      unhealthyAfter: 2,
    })
    await rounds(12)
    expect(told).toEqual([
      expect.stringMatching(/^e0:1 unhealthy: it took no connection from its check/),
      'e0:1 healthy: its check passes',
      'e0:1 unhealthy: it took no connection within 100 ms',
      'e0:1 healthy: its check passes',
    ])
    expect(new Set(passes)).toEqual(new Set([false]))
  })

  test('are judged by what was asked, not by what a policy asks meanwhile', async () => {
    const { told, rounds, checks, send, way, clock } = underTest('never', 1, { asked: null, unhealthyAfter: 1, timeoutMs: 900 })
    await clock.advance(1001)
    expect(send.waiting).toBe(1)
    checks.tune({ ...criteria, unhealthyAfter: 1, timeoutMs: 900 }, { ...way, asked: { what: '/healthz', well: '204' } })
    send.answer(0, 'ok')
    await clock.advance(0)
    expect(told).toEqual([])
    await rounds(3)
    expect(told).toEqual(['e0:1 unhealthy: its check of /healthz had no answer within 900 ms'])
  })

  test('have few under way at once, however many are silent, and go on with the others', async () => {
    const { clock, send } = underTest('never', 500, { timeoutMs: 5000 })
    await clock.advance(4000)
    expect([send.waiting, send.attempts.length]).toEqual([16, 16])
    await clock.advance(4000)
    expect(send.attempts.length).toBe(32)
    expect(new Set(send.attempts.map(({ endpoint }) => endpoint)).size).toBe(32)
  })

  test('of an endpoint that left count for nothing, and end', async () => {
    const { clock, send, leave, endpoints, told } = underTest('never', 1, { timeoutMs: 900, unhealthyAfter: 1 })
    await clock.advance(1001)
    expect(send.waiting).toBe(1)
    leave(endpoints[0] as Endpoint)
    await clock.advance(0)
    expect([send.waiting, told]).toEqual([0, []])
    await clock.advance(5000)
    expect(send.attempts.length).toBe(1)
  })

  test('that a policy takes away leave everybody healthy, no timer, and nothing under way', async () => {
    const { clock, checks, send, told, endpoints } = underTest((call) => (call.endpoint?.address === 'e0:1' ? 'fault' : 'never'), 2, {
      unhealthyAfter: 1,
      timeoutMs: 900,
    })
    await clock.advance(1200)
    expect(endpoints[0]?.healthy).toBe(false)
    checks.tune(null, null)
    await clock.advance(0)
    expect([send.waiting, endpoints[0]?.healthy, told.at(-1), clock.pending]).toEqual([0, true, 'e0:1 healthy: it is no longer checked', 0])
  })

  test('move when a naive count of failures and passes in a row does', async () => {
    const threshold = integer({ min: 1, max: 4 })
    await assert(
      asyncProperty(
        array(constantFrom('ok' as const, 'fault' as const), { maxLength: 40 }),
        threshold,
        threshold,
        async (script, unhealthyAfter, healthyAfter) => {
          const { rounds, told } = underTest((_call, n) => script[n] ?? 'cancelled', 1, { unhealthyAfter, healthyAfter })
          const moves: boolean[] = []
          let inARow = 0
          for (const [n, answer] of script.entries()) {
            inARow = answer === script[n - 1] ? inARow + 1 : 1
            const healthy = moves.at(-1) ?? true
            if (healthy !== (answer === 'ok') && inARow >= (healthy ? unhealthyAfter : healthyAfter)) moves.push(!healthy)
          }
          await rounds(script.length + 1)
          expect(told.map((sentence) => sentence.startsWith('e0:1 healthy'))).toEqual(moves)
        },
      ),
      { numRuns: 60 },
    )
  })
})
