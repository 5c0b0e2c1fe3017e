import { describe, expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { callError } from '../kernel/call-error.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import type { Outcome } from '../kernel/outcome.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { CANCELLED, EXPIRED, verdictName } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { waitForReady } from './wait-for-ready.ts'

const endpoint = new Endpoint('s', { address: '10.0.0.1:80', labels: {}, zone: '', weight: 1 })
// As retry and balance write the call.
const unreached: ScriptEntry = (call) => {
  call.nextAttempt()
  return { verdict: 'unreached', endpoint, error: new Error('connect ECONNREFUSED') }
}
const noEndpoint: ScriptEntry = (call) => {
  call.nextAttempt()
  call.endpoint = null
  return { verdict: 'refused', code: 'NO_ENDPOINT' }
}
const breakerOpen: ScriptEntry = { verdict: 'refused', code: 'BREAKER_OPEN' }

function underTest(script: readonly ScriptEntry[] | ScriptEntry, random = () => 0) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const bottom = scriptedSend(script, clock)
  let looks = 0
  const onward = (): null => {
    looks++
    return null
  }
  const send = waitForReady({ clock, wheel, random, onward })(bottom)
  const start = ({ waits = true, deadlineAt = Number.POSITIVE_INFINITY } = {}) => {
    const call = new Call({ service: 's', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: false })
    call.waitsForReady = waits
    call.deadlineAt = deadlineAt
    return { call, done: send(call) as Promise<Outcome> }
  }
  return { clock, wheel, bottom, start, looks: () => looks }
}

test('whoever does not ask for it does not wait', async () => {
  const { start, bottom, wheel } = underTest(unreached)
  expect(verdictName((await start({ waits: false }).done).verdict)).toBe('unreached')
  expect([bottom.attempts.length, wheel.armed]).toEqual([1, 0])
})

describe('a call that asks for it', () => {
  test('goes down again when nobody was reached, nobody is known, or the breaker is open, after pauses that double up to a second', async () => {
    const reasons = [unreached, noEndpoint, breakerOpen]
    const { start, clock, bottom, looks } = underTest([...reasons, ...reasons, ...reasons, 'ok'])
    const { call, done } = start()
    await clock.advance('10s')
    expect(verdictName((await done).verdict)).toBe('ok')
    // Halves of 25, 50, 100, 200, 400, 800 ms, and of a second.
    expect(bottom.attempts.map(({ at }) => at)).toEqual([0, 12.5, 37.5, 87.5, 187.5, 387.5, 787.5, 1287.5, 1787.5, 2287.5])
    expect([looks(), call.waited]).toEqual([9, 9])
  })

  test.each<[string, ScriptEntry]>([
    ['an answer', 'unavailable'],
    ['a peer that refused above its handler', { verdict: 'unreached', status: '503' }],
    ['somebody else at the other end', { verdict: 'unreached', error: new Error('who?'), code: 'WRONG_PEER' }],
    ['a full limit', { verdict: 'refused', code: 'LIMIT_FULL' }],
    ['a mesh that has closed', { verdict: 'refused', code: 'MESH_CLOSED' }],
    ['a connection that was lost', 'broken'],
  ])('does not wait for the end of %s', async (_name, entry) => {
    const { start, bottom } = underTest(entry)
    const outcome = await start().done
    expect([bottom.attempts.length, outcome]).toEqual([1, bottom.outcomes[0]])
  })

  test('does not wait where what it had to send is gone', async () => {
    const { start, bottom } = underTest((call) => {
      call.replayable = false
      return { verdict: 'unreached', error: new Error('lost') }
    })
    await start().done
    expect(bottom.attempts.length).toBe(1)
  })

  test('ends with its time, and says what it waited for', async () => {
    const { start, clock, wheel } = underTest([unreached, unreached, noEndpoint, noEndpoint])
    const { call, done } = start({ deadlineAt: 100 })
    await clock.advance('100ms')
    call.end(EXPIRED)
    const outcome = await done
    const error = callError(call, outcome, { revision: '', now: clock.now() })
    expect(error.message).toBe(
      's: no answer in time for GET /, after 100 ms, 2 attempts, last 10.0.0.1:80 unreached (it waited until the service was ready: no endpoint is known)',
    )
    expect([error.code, error.attempts.length, wheel.armed]).toEqual(['EXPIRED', 2, 0])
  })

  test('ends when its caller leaves, at once', async () => {
    const { start, clock, wheel, bottom } = underTest(unreached)
    const { call, done } = start()
    await clock.advance('5s')
    call.end(CANCELLED)
    expect(verdictName((await done).verdict)).toBe('cancelled')
    const before = bottom.attempts.length
    await clock.advance('5s')
    expect([bottom.attempts.length, wheel.armed]).toEqual([before, 0])
  })

  test('avoids whoever it could not reach, and keeps a bounded list of that', async () => {
    const { start, clock, bottom } = underTest(unreached)
    const { call, done } = start()
    await clock.advance('2m')
    expect(call.tried).toEqual([endpoint])
    expect(bottom.attempts.length).toBeGreaterThan(110)
    expect([call.failures?.length, call.failures?.at(-1)?.attempt]).toEqual([100, bottom.attempts.length])
    call.end(CANCELLED)
    await done
  })

  test('that has waited for most of its time is hurried: running out of the rest says nothing about the server', async () => {
    const { start, clock } = underTest([noEndpoint, 'never'])
    const { call, done } = start({ deadlineAt: 13 })
    await clock.advance('12.5ms')
    expect(call.hurried).toBe(true)
    call.end(EXPIRED)
    expect((await done).hurried).toBe(true)
  })
})
