import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { BROKEN, verdictName, verdictNames } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { Ejections } from './ejections.ts'
import { outlier } from './outlier.ts'

function underTest(script: readonly ScriptEntry[] | ScriptEntry) {
  const clock = fakeClock()
  const endpoint = new Endpoint('s', { address: 'a:1', labels: {}, zone: '', weight: 1 })
  const ejections = new Ejections({ clock, size: () => 2, moved: () => {} })
  ejections.tune({ consecutiveFailures: 1, successRate: null, ejectForMs: 1000, maxEjected: 0.5 }, [endpoint])
  const bottom = scriptedSend(script, clock)
  const layer = outlier()(bottom)
  const send = () => {
    const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
    call.endpoint = endpoint
    call.attemptAt = clock.now()
    return layer(call)
  }
  return { clock, endpoint, ejections, bottom, send }
}

describe('outlier detection', () => {
  test('hands every outcome up as it is, and refuses nothing while the endpoint is out', async () => {
    for (const verdict of verdictNames) {
      const { send, bottom } = underTest(verdict)
      for (let n = 0; n < 3; n++) expect(verdictName((await send()).verdict)).toBe(verdict)
      expect(bottom.attempts).toHaveLength(3)
    }
  })

  test('marks an endpoint whose answer was late, and none for what the caller did wrong', async () => {
    const late = underTest('late')
    await late.send()
    expect(late.endpoint.admits(late.clock.now())).toBe(false)
    const rejected = underTest('rejected')
    await rejected.send()
    expect(rejected.endpoint.admits(rejected.clock.now())).toBe(true)
  })

  test('counts a body that breaks after a good head', async () => {
    const { send, endpoint } = underTest({ verdict: 'ok', open: true })
    const outcome = await send()
    expect(endpoint.guard?.out).toBe(false)
    outcome.settle(BROKEN)
    expect(endpoint.guard?.out).toBe(true)
  })

  test('decides a probe by its head: an endless body does not keep the endpoint out', async () => {
    const { send, endpoint, clock } = underTest(['fault', { verdict: 'ok', open: true }])
    await send()
    await clock.advance('1s')
    await send()
    expect(endpoint.guard?.out).toBe(false)
  })

  test('lets attempts pass uncounted whose policy was taken away meanwhile', async () => {
    const { send, endpoint, ejections, bottom } = underTest(['never', 'fault'])
    const first = send()
    ejections.tune(null, [endpoint])
    bottom.answer(0, 'fault')
    await first
    await send()
    expect([ejections.out, endpoint.guard]).toEqual([0, null])
  })
})
