import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { OK, verdictName } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { breaker } from './breaker.ts'
import { Circuit } from './circuit.ts'

const endpoint = new Endpoint('s', { address: 'a:1', labels: {}, zone: '', weight: 1 })

function callTo(version: string): Call {
  const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.version = version
  call.endpoint = endpoint
  return call
}

function underTest(script: readonly ScriptEntry[] | ScriptEntry, consecutiveFailures = 2) {
  const clock = fakeClock()
  const bottom = scriptedSend(script, clock)
  const circuits = new Map<string, Circuit>()
  const circuitOf = (version: string): Circuit => {
    const known = circuits.get(version) ?? new Circuit(clock, { consecutiveFailures, successRate: null, openForMs: 1000 }, () => {})
    circuits.set(version, known)
    return known
  }
  return { clock, bottom, circuitOf, send: breaker(clock, circuitOf)(bottom) }
}

describe('a breaker', () => {
  test('refuses without asking anybody below once the circuit is open', async () => {
    const { send, bottom } = underTest('fault')
    await send(callTo(''))
    await send(callTo(''))
    const refused = await send(callTo(''))
    expect([verdictName(refused.verdict), refused.code, bottom.attempts.length]).toEqual(['refused', 'BREAKER_OPEN', 2])
  })

  test('takes a call that waits until the service is ready for one call, whose end counts as ever', async () => {
    const { send, circuitOf } = underTest(['unreached', 'unreached', 'unreached', 'fault'])
    const call = callTo('')
    for (; call.waited < 3; call.waited++) await send(call)
    expect(circuitOf('').state).toBe('closed')
    await send(call)
    expect(circuitOf('').state).toBe('open')
  })

  test('of a failing version leaves the door of the other open', async () => {
    const { send } = underTest((call) => (call.version === 'v2' ? 'fault' : 'ok'))
    for (let n = 0; n < 5; n++) await send(callTo('v2'))
    expect((await send(callTo('v2'))).code).toBe('BREAKER_OPEN')
    expect((await send(callTo('v1'))).verdict).toBe(OK)
  })

  test('is opened by timeouts and not by what the caller did wrong', async () => {
    const late = underTest('late')
    for (let n = 0; n < 2; n++) await late.send(callTo(''))
    expect(late.circuitOf('').state).toBe('open')
    const rejected = underTest('rejected')
    for (let n = 0; n < 50; n++) await rejected.send(callTo(''))
    expect(rejected.circuitOf('').state).toBe('closed')
  })

  test('counts a body that breaks after a good head', async () => {
    const { send, circuitOf } = underTest({ verdict: 'ok', open: true }, 1)
    const outcome = await send(callTo(''))
    expect(circuitOf('').state).toBe('closed')
    outcome.settle(512)
    expect(circuitOf('').state).toBe('open')
  })

  test('counts a failure whose body the caller throws away', async () => {
    const { send, circuitOf } = underTest({ verdict: 'unavailable', open: true }, 1)
    const outcome = await send(callTo(''))
    outcome.settle(1024)
    expect(circuitOf('').state).toBe('open')
  })

  test('decides a probe by its head, good or bad, however long the body goes on', async () => {
    for (const [verdict, state] of [
      ['ok', 'closed'],
      ['rejected', 'closed'],
      ['fault', 'open'],
    ] as const) {
      const { send, circuitOf, clock } = underTest(['fault', { verdict, open: true }], 1)
      await send(callTo(''))
      await clock.advance('1s')
      const probe = await send(callTo(''))
      expect(circuitOf('').state).toBe(state)
      probe.settle(512)
      expect(circuitOf('').state).toBe(state)
    }
  })

  test('lets one probe through, however many ask', async () => {
    const { send, bottom, clock } = underTest(['fault', 'never'], 1)
    await send(callTo(''))
    await clock.advance('1s')
    const probe = send(callTo(''))
    const others = await Promise.all([send(callTo('')), send(callTo(''))])
    expect(others.map(({ code }) => code)).toEqual(['BREAKER_OPEN', 'BREAKER_OPEN'])
    bottom.answer(1, 'ok')
    expect((await probe).verdict).toBe(OK)
  })
})
