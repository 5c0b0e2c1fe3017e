import { describe, expect, it } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { BROKEN, CANCELLED, EXPIRED, LATE, OK, REFUSED, UNAVAILABLE } from '../kernel/verdict.ts'
import { fakeClock } from './fake-clock.ts'
import { type CountedReply, scriptedSend } from './scripted-send.ts'

function call(): Call {
  return new Call({ service: 'a', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
}

describe('a scripted bottom', () => {
  it('answers by its list, and a call beyond the list fails the test', async () => {
    const send = scriptedSend(['unavailable', 'ok'])
    const first = await send(call())
    expect([first.verdict, first.reply?.status, first.open]).toEqual([UNAVAILABLE, '503', false])
    expect((await send(call())).verdict).toBe(OK)
    await expect(send(call())).rejects.toThrow('the script has 2 entries, and this is call 3')
  })

  it('answers every call by a single entry, also one that is a function of the call and its number', async () => {
    const send = scriptedSend((_, n) => (n % 2 === 0 ? 'ok' : { verdict: 'throttled', retryAfterMs: 500 }))
    const outcomes = [await send(call()), await send(call()), await send(call())]
    expect(outcomes.map((outcome) => outcome.reply?.status)).toEqual(['200', '429', '200'])
    expect(outcomes.map((outcome) => outcome.retryAfterMs)).toEqual([-1, 500, -1])
  })

  it('remembers each attempt as it met it, whatever is written to the call afterwards', async () => {
    const send = scriptedSend('ok')
    const endpoint = new Endpoint('a', { address: '10.0.0.1:80', labels: {}, zone: '', weight: 1 })
    const one = call()
    one.nextAttempt()
    one.endpoint = endpoint
    await send(one)
    one.nextAttempt()
    one.endpoint = null
    await send(one)
    expect(send.attempts.map(({ attempt, endpoint: to }) => [attempt, to?.address])).toEqual([
      [1, '10.0.0.1:80'],
      [2, undefined],
    ])
    expect(send.outcomes[0]?.endpoint).toBe(endpoint)
  })

  it('gives an error where a wire would, and a code where the mesh would', async () => {
    const send = scriptedSend(['broken', 'refused', { verdict: 'unreached', error: new Error('connect failed'), staleConnection: true }])
    const [broken, refused, unreached] = [await send(call()), await send(call()), await send(call())]
    expect([broken.verdict, broken.reply, broken.error?.message, broken.code]).toEqual([BROKEN, null, 'scripted: broken', ''])
    expect([refused.verdict, refused.error, refused.code]).toEqual([REFUSED, null, 'LIMIT_FULL'])
    expect([unreached.error?.message, unreached.staleConnection]).toEqual(['connect failed', true])
  })

  it.each([
    [EXPIRED, 'EXPIRED'],
    [CANCELLED, 'CANCELLED'],
    [LATE, 'LATE'],
  ] as const)('ends a call that nothing answers when the call ends (%i)', async (ending, code) => {
    const send = scriptedSend('never')
    const one = call()
    const sent = send(one)
    expect(send.waiting).toBe(1)
    one.end(ending)
    const outcome = await sent
    expect([outcome.verdict, outcome.code]).toEqual([ending, code])
    expect(send.waiting).toBe(0)
  })

  it('lets the test answer a call that waits', async () => {
    const send = scriptedSend('never')
    const [first, second] = [send(call()), send(call())]
    send.answer(1, 'ok')
    expect((await second).verdict).toBe(OK)
    expect(() => send.answer(1, 'ok')).toThrow('call 1 is not waiting')
    expect(send.outcomes[0]).toBeUndefined()
    send.answer(0, 'unavailable')
    expect((await first).verdict).toBe(UNAVAILABLE)
  })

  it('answers in time of the clock, and leaves no timer where the call ended first', async () => {
    const clock = fakeClock()
    const send = scriptedSend({ verdict: 'ok', afterMs: 100 }, clock)
    const [kept, cut] = [call(), call()]
    const sent = [send(kept), send(cut)]
    await clock.advance(50)
    cut.end(CANCELLED)
    await clock.advance(0)
    expect(clock.pending).toBe(1)
    await clock.advance(50)
    expect((await Promise.all(sent)).map(({ verdict, at }) => [verdict, at])).toEqual([
      [OK, 100],
      [CANCELLED, 50],
    ])
    expect(clock.pending).toBe(0)
    await expect(scriptedSend({ verdict: 'ok', afterMs: 1 })(call())).rejects.toThrow('needs the clock')
  })

  it('keeps a reply open until the test settles it, or the call ends', async () => {
    const send = scriptedSend({ verdict: 'ok', open: true })
    const settled: number[] = []
    const settler = { settled: (_: unknown, final: number) => settled.push(final) }
    const [whole, cut] = [call(), call()]
    for (const one of [whole, cut]) (await send(one)).whenSettled(settler, 0)
    expect(settled).toEqual([])
    send.outcomes[0]?.settle(OK)
    cut.end(EXPIRED)
    expect(settled).toEqual([OK, EXPIRED])
  })

  it('counts how often a reply is thrown away, and answers a call that was over before it came', async () => {
    const send = scriptedSend('ok')
    const outcome = await send(call())
    outcome.reply?.discard()
    expect((outcome.reply as CountedReply).discards).toBe(1)
    const over = call()
    over.end(CANCELLED)
    expect((await send(over)).verdict).toBe(CANCELLED)
  })
})
