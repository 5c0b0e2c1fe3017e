/** Calls and attempts are counted once, where they belong, within bounds. */
import { describe, expect, it } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Outcome, refusal } from '../kernel/outcome.ts'
import { BROKEN, CANCELLED, FAULT, OK, REFUSED, type Verdict } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { Meter } from './meter.ts'

const aCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

function answer(verdict: Verdict, status: string, about: { attempt?: number; at?: number; open?: boolean } = {}): Outcome {
  const call = aCall()
  call.attempt = about.attempt ?? 1
  const reply = { status, discard: () => {} }
  return new Outcome(call, verdict, {
    reply,
    error: null,
    code: '',
    at: about.at ?? 0,
    retryAfterMs: -1,
    staleConnection: false,
    open: about.open ?? false,
  })
}

describe('a cell of calls', () => {
  it('counts by the verdict at the end of the body, and times to that end', async () => {
    const clock = fakeClock()
    const cell = new Meter({ clock }).call('outbound', 'http', 'cart')
    const outcome = answer(OK, '200', { open: true })
    outcome.whenSettled(cell, clock.now())
    await clock.advance(40)
    expect([...cell.counts()]).toEqual([])
    outcome.settle(BROKEN)
    expect([...cell.counts()]).toEqual([{ verdict: 'broken', status: '200', count: 1 }])
    expect(cell.failed.sumMs).toBe(40)
    expect(cell.answered.sumMs).toBe(0)
  })

  it('shows a refusal by its code', () => {
    const cell = new Meter({ clock: fakeClock() }).call('outbound', 'http', 'cart')
    cell.settled(refusal(aCall(), 'BREAKER_OPEN', 0), REFUSED, 0)
    cell.settled(refusal(aCall(), 'LIMIT_FULL', 0), REFUSED, 0)
    cell.settled(refusal(aCall(), 'BREAKER_OPEN', 0), REFUSED, 0)
    expect([...cell.counts()]).toEqual([
      { verdict: 'refused', status: 'BREAKER_OPEN', count: 2 },
      { verdict: 'refused', status: 'LIMIT_FULL', count: 1 },
    ])
  })

  it('counts attempts beyond the first as retries', () => {
    const cell = new Meter({ clock: fakeClock() }).call('outbound', 'http', 'cart')
    for (const attempt of [1, 3, 2]) cell.settled(answer(OK, '200', { attempt }), OK, 0)
    expect(cell.retries).toBe(3)
  })

  it('keeps a call that its caller gave up out of both histograms', async () => {
    const clock = fakeClock()
    const cell = new Meter({ clock }).call('outbound', 'http', 'cart')
    await clock.advance(500)
    cell.settled(answer(OK, '200'), CANCELLED, 0)
    expect([...cell.counts()]).toEqual([{ verdict: 'cancelled', status: '200', count: 1 }])
    expect(cell.answered.sumMs + cell.failed.sumMs).toBe(0)
  })

  it('puts the 65th status and all after it under `other`, and still knows the mesh’s own codes', () => {
    const cell = new Meter({ clock: fakeClock() }).call('outbound', 'http', 'cart')
    for (let status = 100; status < 1000; status++) cell.settled(answer(FAULT, String(status)), FAULT, 0)
    cell.settled(refusal(aCall(), 'RATE_LIMITED', 0), REFUSED, 0)
    const counts = [...cell.counts()]
    expect(counts).toHaveLength(66)
    expect(counts.find(({ status }) => status === 'other')?.count).toBe(836)
    expect(counts.find(({ status }) => status === 'RATE_LIMITED')?.count).toBe(1)
  })
})

describe('a cell of attempts', () => {
  it('times to the head and not to the end of the body', async () => {
    const clock = fakeClock()
    const cell = new Meter({ clock }).attempt('http', 'cart').of('v1')
    const outcome = answer(OK, '200', { at: 7, open: true })
    outcome.whenSettled(cell, 2)
    await clock.advance(1000)
    outcome.settle(OK)
    expect(cell.answered.sumMs).toBe(5)
  })

  it('is one per version, and one for all versions beyond the 64th', () => {
    const meter = new Meter({ clock: fakeClock() })
    const cells = meter.attempt('http', 'cart')
    expect(cells.of('v1')).toBe(cells.of('v1'))
    expect(cells.of('v2')).not.toBe(cells.of('v1'))
    for (let n = 0; n < 1000; n++) cells.of(`w${n}`)
    expect([...meter.attempts()]).toHaveLength(65)
    expect(cells.of('w998')).toBe(cells.of('w999'))
    expect(cells.of('w999').labels.version).toBe('other')
  })
})

describe('a meter', () => {
  it('gives the same cell whenever asked, and another for every direction, wire and service', () => {
    const meter = new Meter({ clock: fakeClock() })
    const cell = meter.call('outbound', 'http', 'cart')
    expect(meter.call('outbound', 'http', 'cart')).toBe(cell)
    expect(meter.call('inbound', 'http', 'cart')).not.toBe(cell)
    expect(meter.call('outbound', 'grpc', 'cart')).not.toBe(cell)
    expect(meter.call('outbound', 'http', 'user')).not.toBe(cell)
    expect(meter.attempt('http', 'cart')).toBe(meter.attempt('http', 'cart'))
    expect(meter.attempt('grpc', 'cart')).not.toBe(meter.attempt('http', 'cart'))
  })

  it('counts services beyond its bound together, and has room again when some have left', () => {
    const meter = new Meter({ clock: fakeClock(), maxServices: 2 })
    for (const service of ['a', 'b', 'c', 'd']) meter.call('outbound', 'http', service)
    expect([...meter.calls()].map((cell) => cell.labels.service)).toEqual(['a', 'b', 'other'])
    meter.forget('a')
    meter.forget('other')
    expect(meter.call('outbound', 'http', 'e').labels.service).toBe('e')
  })

  it('drops the cells of a service that left, but not what this process counts as that service', () => {
    const meter = new Meter({ clock: fakeClock() })
    meter.call('outbound', 'http', 'cart')
    meter.call('inbound', 'http', 'cart')
    meter.call('outbound', 'http', 'user')
    meter.attempt('http', 'user').of('v1')
    meter.forget('cart')
    meter.forget('user')
    meter.forget('never met')
    expect([...meter.calls()].map((cell) => cell.labels)).toEqual([
      { direction: 'inbound', protocol: 'http', service: 'cart', version: '' },
    ])
    expect([...meter.attempts()]).toEqual([])
  })

  it('refuses two metrics of one name', () => {
    const meter = new Meter({ clock: fakeClock() })
    meter.gauge('zerohop_calls_in_flight', 'Calls under way.', () => [])
    expect(() => meter.counter('zerohop_calls_in_flight', 'The same.', () => [])).toThrow('zerohop_calls_in_flight has been added already')
  })
})
