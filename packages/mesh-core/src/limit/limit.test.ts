/** A call holds its place from its start to its reply's last byte, and gives it back however it ends. */
import { expect, test } from 'vitest'
import { Call } from '../kernel/call.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { BROKEN, CANCELLED, EXPIRED, OK, verdictName } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { type ScriptEntry, scriptedSend } from '../testing/scripted-send.ts'
import { Gate } from './gate.ts'
import { limit } from './limit.ts'

const newCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

function narrow(script: ScriptEntry, queue = 1) {
  const clock = fakeClock()
  const wheel = new TimerWheel(clock)
  const gate = new Gate(clock, wheel)
  gate.tune({ inFlight: 1, queue, queueForMs: Number.POSITIVE_INFINITY })
  const bottom = scriptedSend(script, clock)
  return { clock, wheel, gate, bottom, send: limit(gate)(bottom) }
}

test('a call whose reply came whole has given its place back by then', async () => {
  const { gate, send } = narrow('fault')
  await send(newCall())
  expect(gate.inFlight).toBe(0)
})

test('a place is kept until the last byte, not until the head', async () => {
  const { gate, send, bottom } = narrow({ verdict: 'ok', open: true })
  const outcome = await send(newCall())
  expect(gate.inFlight).toBe(1)
  outcome.settle(BROKEN)
  expect(gate.inFlight).toBe(0)
  expect(bottom.attempts).toHaveLength(1)
})

test('the next in line begins when the first one has ended', async () => {
  const { clock, gate, send, bottom } = narrow('never')
  const first = send(newCall())
  const second = send(newCall())
  await clock.advance(0)
  expect(bottom.attempts).toHaveLength(1)
  bottom.answer(0, 'ok')
  await first
  await clock.advance(0)
  expect(bottom.attempts).toHaveLength(2)
  bottom.answer(1, 'ok')
  expect((await second).verdict).toBe(OK)
  expect(gate.inFlight).toBe(0)
})

test('a call that finds the line full is refused and takes no place', async () => {
  const { gate, send, bottom } = narrow('never', 0)
  const first = send(newCall())
  const refused = await send(newCall())
  expect([refused.code, refused.endpoint, refused.open]).toEqual(['LIMIT_FULL', null, false])
  bottom.answer(0, 'ok')
  await first
  expect([gate.inFlight, bottom.attempts.length]).toEqual([0, 1])
})

test.each([CANCELLED, EXPIRED] as const)(
  'a call that ends (%i) in the tick in which its place was handed over begins nothing and gives the place on',
  async (how) => {
    const { clock, gate, send, bottom } = narrow({ verdict: 'ok', open: true }, 2)
    const first = await send(newCall())
    const second = newCall()
    const ending = send(second)
    const third = send(newCall())
    first.settle(OK)
    second.end(how)
    expect(verdictName((await ending).verdict)).toBe(verdictName(how))
    expect((await third).verdict).toBe(OK)
    await clock.advance(0)
    expect(bottom.attempts).toHaveLength(2)
    expect(gate.inFlight).toBe(1)
    bottom.outcomes[1]?.settle(OK)
    expect([gate.inFlight, gate.queued]).toEqual([0, 0])
  },
)

test('a call cut off in its body gives its place back with its end', async () => {
  const { gate, send } = narrow({ verdict: 'ok', open: true })
  const call = newCall()
  await send(call)
  call.end(CANCELLED)
  expect(gate.inFlight).toBe(0)
})
