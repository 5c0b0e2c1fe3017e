/** Without a tracing library calls are counted and their traces flow on. */
import { describe, expect, it } from 'vitest'
import { Ambient } from '../kernel/ambient.ts'
import { Call } from '../kernel/call.ts'
import { type Send, stack } from '../kernel/layer.ts'
import type { TraceContext } from '../kernel/span.ts'
import { BROKEN } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { attemptSpan } from './attempt-span.ts'
import { Meter } from './meter.ts'
import { observe } from './observe.ts'
import { RANDOM } from './trace-context.ts'

const received: TraceContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 3, state: 'vendor=1' }

const aCall = (): Call =>
  new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })

describe('without a tracing library', () => {
  const clock = fakeClock()
  const under = (bottom: Send, direction: 'inbound' | 'outbound' = 'outbound'): Send => {
    const cell = new Meter({ clock }).call(direction, 'http', 'cart')
    return stack([observe({ direction, protocol: 'http', cell, tracer: () => null }), attemptSpan()], bottom)
  }

  it('a call outside of any request begins an unsampled trace, and its attempt has a span id of its own', async () => {
    const bottom = scriptedSend(['ok'])
    const call = aCall()
    await under(bottom)(call)
    const sent = bottom.attempts[0]?.attemptTrace as TraceContext
    expect(call.trace?.flags).toBe(RANDOM)
    expect(sent).toEqual({ ...call.trace, spanId: sent.spanId })
    expect(sent.spanId).not.toBe(call.trace?.spanId)
  })

  it('a call under a request goes on in its trace, sampled as its caller said', async () => {
    const bottom = scriptedSend(['ok'])
    const call = aCall()
    call.ambient = new Ambient(received, '', Number.POSITIVE_INFINITY)
    await under(bottom)(call)
    const sent = bottom.attempts[0]?.attemptTrace as TraceContext
    expect(sent).toEqual({ ...received, spanId: sent.spanId })
    expect(sent.spanId).not.toBe(received.spanId)
  })

  it('a request keeps the trace that the wire read, and gets one where it brought none', async () => {
    const withTrace = aCall()
    withTrace.trace = received
    await under(scriptedSend(['ok']), 'inbound')(withTrace)
    expect(withTrace.trace).toBe(received)
    const without = aCall()
    await under(scriptedSend(['ok']), 'inbound')(without)
    expect(without.trace?.traceId).toMatch(/^[0-9a-f]{32}$/)
  })

  it('the layer of attempts adds no promise of its own', () => {
    const answer = new Promise<never>(() => {})
    expect(attemptSpan()(() => answer)(aCall())).toBe(answer)
  })
})

describe('a call', () => {
  it('is counted once, when its body has ended, with the time since it entered the mesh', async () => {
    const clock = fakeClock()
    const cell = new Meter({ clock }).call('outbound', 'http', 'cart')
    const bottom = scriptedSend([{ verdict: 'ok', open: true }], clock)
    const call = aCall()
    await clock.advance(100)
    call.startedAt = 20
    await observe({ direction: 'outbound', protocol: 'http', cell, tracer: () => null })(bottom)(call)
    expect([...cell.counts()]).toEqual([])
    await clock.advance(50)
    bottom.outcomes[0]?.settle(BROKEN)
    bottom.outcomes[0]?.settle(BROKEN)
    expect([...cell.counts()]).toEqual([{ verdict: 'broken', status: '200', count: 1 }])
    expect(cell.failed.sumMs).toBe(130)
  })
})
