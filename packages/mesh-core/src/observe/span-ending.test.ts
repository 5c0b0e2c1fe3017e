/** A span ends when its body does, told what became of it to the end. */
import { expect, it } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { type Outcome, refusal } from '../kernel/outcome.ts'
import type { Span, SpanEnd } from '../kernel/span.ts'
import { BROKEN } from '../kernel/verdict.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { SpanEnding } from './span-ending.ts'

class NotedSpan implements Span {
  readonly context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, state: '' }
  readonly ends: SpanEnd[] = []

  attempt(): Span {
    return this
  }

  run<A, T>(work: (argument: A) => T, argument: A): T {
    return work(argument)
  }

  suppressed<A, T>(work: (argument: A) => T, argument: A): T {
    return work(argument)
  }

  end(end: SpanEnd): void {
    this.ends.push(end)
  }
}

function aCall(): Call {
  const call = new Call({ service: 'cart', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.attempt = 2
  return call
}

it('a body that breaks ends the span as broken, once, and not before', async () => {
  const endpoint = new Endpoint('cart', { address: '10.0.0.7:8080', labels: {}, zone: '', weight: 1 })
  const outcome: Outcome = await scriptedSend([{ verdict: 'ok', open: true, endpoint }])(aCall())
  const span = new NotedSpan()
  outcome.whenSettled(new SpanEnding(span), 0)
  expect(span.ends).toEqual([])
  outcome.settle(BROKEN)
  outcome.settle(BROKEN)
  expect(span.ends).toEqual([{ verdict: 'broken', status: '200', code: '', failed: true, attempt: 2, endpoint: '10.0.0.7:8080' }])
})

it('a refusal ends the span at once, with its code', () => {
  const span = new NotedSpan()
  refusal(aCall(), 'LIMIT_FULL', 0).whenSettled(new SpanEnding(span), 0)
  expect(span.ends).toEqual([{ verdict: 'refused', status: '', code: 'LIMIT_FULL', failed: true, attempt: 2, endpoint: '' }])
})
