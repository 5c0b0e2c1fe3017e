/** A call lives as long as the soonest of its clocks lets it, to its last byte, and leaves nothing behind. */
import { describe, expect, test } from 'vitest'
import { Ambient } from '../kernel/ambient.ts'
import { Call } from '../kernel/call.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { BROKEN, CANCELLED, EXPIRED, OK } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { deadline } from './deadline.ts'

const never = Number.POSITIVE_INFINITY

class CountingAmbient extends Ambient {
  joined = 0
  left = 0

  override join(call: Call): void {
    this.joined++
    super.join(call)
  }

  override leave(call: Call): void {
    this.left++
    super.leave(call)
  }
}

const newCall = (ambient: Ambient | null = null, timeoutMs = 0): Call => {
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.ambient = ambient
  call.timeoutMs = timeoutMs
  return call
}

function bounded(script: ScriptEntry, timeoutMs = 100) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const bottom = scriptedSend(script, clock)
  return { clock, wheel, bottom, send: deadline({ clock, wheel, timeoutMs })(bottom) }
}

describe('the soonest clock decides', () => {
  test.each([
    ['the policy', 100, 0, never, 100],
    ["the call's own, which is shorter", 100, 40, never, 40],
    ["the policy, where the call's own is longer", 100, 400, never, 100],
    ["the inbound request's, which is shorter", 100, 40, 30, 30],
    ["the call's own, where the policy has none", never, 40, never, 40],
    ["the inbound request's, where there is no other", never, 0, 70, 70],
    ['none', never, 0, never, never],
  ])('%s', async (_name, policyMs, ownMs, inboundAt, expected) => {
    const { bottom, send } = bounded('ok', policyMs)
    await send(newCall(new Ambient(null, '', inboundAt), ownMs))
    expect(bottom.attempts[0]?.deadlineAt).toBe(expected)
  })
})

test.each([
  ['a tenth of the policy’s time is enough to judge a server by', 10, false],
  ['less than that is not', 9, true],
])('%s', async (_name, inboundAt, hurried) => {
  const { send } = bounded('ok', 100)
  const outcome = await send(newCall(new Ambient(null, '', inboundAt)))
  expect(outcome.hurried).toBe(hurried)
})

test('a call whose time is over ends as expired, at that time', async () => {
  const { clock, wheel, send } = bounded('never')
  const call = newCall()
  let verdict = 0
  void send(call).then((outcome) => {
    verdict = outcome.verdict
  })
  await clock.advance(99)
  expect(verdict).toBe(0)
  await clock.advance(1)
  expect(verdict).toBe(EXPIRED)
  expect([call.ending, call.cancel, wheel.armed, clock.pending]).toEqual([EXPIRED, null, 0, 0])
})

test('an answer in time takes the alarm away', async () => {
  const { clock, wheel, send } = bounded({ verdict: 'fault', afterMs: 50 })
  const call = newCall()
  const sending = send(call)
  await clock.advance(50)
  await sending
  expect(wheel.armed).toBe(0)
  await clock.advance(500)
  expect(call.ending).toBe(0)
})

test('the deadline binds the body too, to its last byte', async () => {
  const { clock, wheel, bottom, send } = bounded({ verdict: 'ok', open: true })
  const slow = newCall()
  const finals: number[] = []
  const outcome = await send(slow)
  outcome.whenSettled({ settled: (_outcome, final) => finals.push(final) }, 0)
  const quick = newCall()
  await send(quick)
  bottom.outcomes[1]?.settle(OK)
  expect(wheel.armed).toBe(1)
  await clock.advance(100)
  expect(finals).toEqual([EXPIRED])
  expect([slow.ending, quick.ending, wheel.armed]).toEqual([EXPIRED, 0, 0])
})

test('a call that is begun when its time is over goes nowhere', async () => {
  const { clock, wheel, bottom, send } = bounded('ok')
  await clock.advance(50)
  const call = newCall(new Ambient(null, '', 50))
  call.startedAt = 50
  expect((await send(call)).verdict).toBe(EXPIRED)
  expect([bottom.attempts.length, wheel.armed]).toEqual([0, 0])
})

test('a call that its caller has left already goes nowhere', async () => {
  const { bottom, wheel, send } = bounded('ok')
  const ambient = new CountingAmbient(null, '', never)
  const call = newCall(ambient)
  call.end(CANCELLED)
  expect((await send(call)).verdict).toBe(CANCELLED)
  expect([bottom.attempts.length, wheel.armed, ambient.joined]).toEqual([0, 0, 0])
})

describe('an inbound request', () => {
  test.each([CANCELLED, EXPIRED] as const)('that is given up (%i) ends the calls under it, and none begins any more', async (why) => {
    const { clock, wheel, bottom, send } = bounded('never')
    const ambient = new Ambient(null, '', never)
    const sending = [send(newCall(ambient)), send(newCall(ambient))]
    await clock.advance(0)
    ambient.giveUp(why, 0)
    expect((await Promise.all(sending)).map((outcome) => outcome.verdict)).toEqual([why, why])
    expect((await send(newCall(ambient))).verdict).toBe(why)
    expect([bottom.attempts.length, wheel.armed]).toEqual([2, 0])
  })

  test('that is given up ends a call in its body', async () => {
    const { send } = bounded({ verdict: 'ok', open: true }, never)
    const ambient = new Ambient(null, '', never)
    const outcome = await send(newCall(ambient))
    ambient.giveUp(CANCELLED, 0)
    expect(outcome.open).toBe(false)
  })

  test('is left by each call that joined it, once', async () => {
    const { send } = bounded('ok')
    const ambient = new CountingAmbient(null, '', never)
    for (let n = 0; n < 3; n++) await send(newCall(ambient))
    expect([ambient.joined, ambient.left]).toEqual([3, 3])
  })

  test('does not end a call that is over', async () => {
    const { bottom, send } = bounded({ verdict: 'ok', open: true })
    const ambient = new Ambient(null, '', never)
    const calls = [newCall(ambient), newCall(ambient)]
    for (const call of calls) await send(call)
    bottom.outcomes[0]?.settle(BROKEN)
    ambient.giveUp(CANCELLED, 0)
    expect(calls.map((call) => call.ending)).toEqual([0, CANCELLED])
  })

  test("that was given up a minute ago binds nothing: what begins now was never its caller's", async () => {
    const { clock, send } = bounded('ok')
    const ambient = new Ambient(null, '', never)
    ambient.giveUp(CANCELLED, 0)
    await clock.advance(60_000)
    const call = newCall(ambient)
    call.startedAt = clock.now()
    expect((await send(call)).verdict).toBe(OK)
  })

  test('that is over binds nothing: neither its deadline nor what happens to it', async () => {
    const { clock, bottom, send } = bounded('ok')
    const ambient = new Ambient(null, '', 20)
    ambient.finish()
    await clock.advance(50)
    const call = newCall(ambient)
    call.startedAt = 50
    expect((await send(call)).verdict).toBe(OK)
    expect(bottom.attempts[0]?.deadlineAt).toBe(150)
  })
})
