/** With OpenTelemetry registered, calls and attempts become spans at the right places. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { context, createContextKey, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Ambient } from '../kernel/ambient.ts'
import { Call } from '../kernel/call.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { type Layer, type Send, stack } from '../kernel/layer.ts'
import type { TraceContext } from '../kernel/span.ts'
import { OK } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { scriptedSend } from '../testing/scripted-send.ts'
import { attemptSpan } from './attempt-span.ts'
import { Meter } from './meter.ts'
import { observe } from './observe.ts'
import { otelTracer } from './otel.ts'

const suppressKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
const received: TraceContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 3, state: 'vendor=1' }
const exporter = new InMemorySpanExporter()
const endpoint = new Endpoint('cart', { address: '10.0.0.7:8080', labels: {}, zone: '', weight: 1 })

function register(root: AlwaysOnSampler | AlwaysOffSampler = new AlwaysOnSampler()): TracerProvider {
  const sampler = new ParentBasedSampler({ root })
  const provider = new TracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  trace.setGlobalTracerProvider(provider)
  return provider
}

beforeEach(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})

afterEach(() => {
  exporter.reset()
  trace.disable()
  context.disable()
})

function aCall(path = '/items/42?token=secret', method = 'GET'): Call {
  return new Call({ service: 'cart', method, path, kind: 'unary', message: null, replayable: true, idempotent: true })
}

/** Sends twice at most, as retry would. */
const twice: Layer = (next) => async (call) => {
  for (;;) {
    call.nextAttempt()
    call.endpoint = endpoint
    const outcome = await next(call)
    if (outcome.verdict === OK || call.attempt === 2) return outcome
  }
}

function outbound(bottom: Send, protocol = 'http'): Send {
  const cell = new Meter({ clock: fakeClock() }).call('outbound', protocol, 'cart')
  return stack([observe({ direction: 'outbound', protocol, cell, tracer: otelTracer() }), twice, attemptSpan()], bottom)
}

function inbound(handler: Send, protocol = 'http'): Send {
  const cell = new Meter({ clock: fakeClock() }).call('inbound', protocol, 'cart')
  return observe({ direction: 'inbound', protocol, cell, tracer: otelTracer() })(handler)
}

function finished(): ReadableSpan[] {
  return exporter.getFinishedSpans()
}

function parentId(span: ReadableSpan | undefined): string | undefined {
  return span?.parentSpanContext?.spanId
}

describe('the source of tracers', () => {
  it('answers null until a provider is registered, and again once it was taken away', () => {
    const source = otelTracer()
    expect(source()).toBeNull()
    register()
    expect(source()).not.toBeNull()
    expect(source()).toBe(source())
    trace.disable()
    expect(source()).toBeNull()
    register()
    expect(source()).not.toBeNull()
  })
})

describe('an outbound call', () => {
  it('is one logical span with a client span per attempt, whose ids go on the wire', async () => {
    register()
    const bottom = scriptedSend(['unavailable', 'ok'])
    await outbound(bottom)(aCall())
    const [first, second, logical] = finished()
    expect(finished()).toHaveLength(3)
    expect([first, second, logical].map((span) => [span?.name, span?.kind])).toEqual([
      ['GET', SpanKind.CLIENT],
      ['GET', SpanKind.CLIENT],
      ['GET cart', SpanKind.INTERNAL],
    ])
    expect([first, second].map(parentId)).toEqual([logical?.spanContext().spanId, logical?.spanContext().spanId])
    const sent = bottom.attempts.map((attempt) => attempt.attemptTrace?.spanId)
    expect(sent).toEqual([first, second].map((span) => span?.spanContext().spanId))
    expect(bottom.attempts[0]?.attemptTrace?.flags).toBe(1)
    const { ERROR, UNSET } = SpanStatusCode
    expect([first, second, logical].map((span) => span?.status.code)).toEqual([ERROR, UNSET, UNSET])
    expect([first, second].map((span) => span?.attributes['http.request.resend_count'])).toEqual([undefined, 1])
    expect(first?.attributes['network.peer.address']).toBe('10.0.0.7')
  })

  it('hangs under the span that is active where it is made', async () => {
    const provider = register()
    const users = provider.getTracer('app').startSpan('work')
    const call = aCall()
    call.ambient = new Ambient(received, '', Number.POSITIVE_INFINITY)
    await context.with(trace.setSpan(ROOT_CONTEXT, users), () => outbound(scriptedSend(['ok']))(call))
    expect(parentId(finished().at(-1))).toBe(users.spanContext().spanId)
  })

  it('hangs under the request that is being served where no span is active, and keeps its tracestate and random flag', async () => {
    register()
    const bottom = scriptedSend(['ok'])
    const call = aCall()
    call.ambient = new Ambient(received, '', Number.POSITIVE_INFINITY)
    await outbound(bottom)(call)
    expect(parentId(finished().at(-1))).toBe(received.spanId)
    expect(bottom.attempts[0]?.attemptTrace).toMatchObject({ traceId: received.traceId, flags: 3, state: 'vendor=1' })
  })

  it('sends an unsampled context on when the library does not sample', async () => {
    register(new AlwaysOffSampler())
    const bottom = scriptedSend(['ok'])
    await outbound(bottom)(aCall())
    expect(finished()).toEqual([])
    expect(bottom.attempts[0]?.attemptTrace?.flags).toBe(0)
    expect(bottom.attempts[0]?.attemptTrace?.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/)
  })

  it('switches other tracing off below the attempt, across awaits, and back on for the caller', async () => {
    const provider = register()
    const seen: unknown[] = []
    const send = outbound(async (call) => {
      await Promise.resolve()
      seen.push(context.active().getValue(suppressKey), provider.getTracer('undici').startSpan('double').isRecording())
      return scriptedSend(['ok'])(call)
    })
    await send(aCall())
    expect(seen).toEqual([true, false])
    expect(finished()).toHaveLength(2)
    expect(context.active()).toBe(ROOT_CONTEXT)
    expect(provider.getTracer('app').startSpan('after').isRecording()).toBe(true)
  })

  it('opens no span within an exporter’s own request, and still goes on the wire with a valid context', async () => {
    register()
    const bottom = scriptedSend(['ok'])
    await context.with(ROOT_CONTEXT.setValue(suppressKey, true), () => outbound(bottom)(aCall()))
    expect(finished()).toEqual([])
    expect(bottom.attempts[0]?.attemptTrace?.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/)
  })
})

describe('an inbound request', () => {
  const served = scriptedSend('ok')

  it('is a server span under the caller’s, active in the handler and across its awaits', async () => {
    const provider = register()
    const call = aCall()
    call.trace = received
    await inbound(async (request) => {
      await Promise.resolve()
      provider.getTracer('app').startSpan('query').end()
      return served(request)
    })(call)
    const [query, server] = finished()
    expect([server?.name, server?.kind]).toEqual(['GET', SpanKind.SERVER])
    expect(parentId(server)).toBe(received.spanId)
    expect(server?.spanContext().traceId).toBe(received.traceId)
    expect(parentId(query)).toBe(server?.spanContext().spanId)
    expect(call.trace).toEqual({ ...received, spanId: server?.spanContext().spanId })
    expect(server?.attributes).toMatchObject({ 'url.path': '/items/42', 'server.address': 'cart', 'http.response.status_code': 200 })
    expect(context.active()).toBe(ROOT_CONTEXT)
  })

  it('does not hang under a span that happened to be active when the server was started', async () => {
    const provider = register()
    const startup = provider.getTracer('app').startSpan('startup')
    const call = aCall()
    call.trace = received
    await context.with(trace.setSpan(ROOT_CONTEXT, startup), () => inbound(served)(call))
    startup.end()
    expect(parentId(finished()[0])).toBe(received.spanId)
    await context.with(trace.setSpan(ROOT_CONTEXT, startup), () => inbound(served)(aCall()))
    expect(parentId(finished().at(-1))).toBeUndefined()
  })

  it('is an inner span where instrumentation of the server has opened the server span already', async () => {
    const provider = register()
    const remote = trace.setSpanContext(ROOT_CONTEXT, { traceId: received.traceId, spanId: received.spanId, traceFlags: 1, isRemote: true })
    const instrumented = provider.getTracer('http').startSpan('GET', { kind: SpanKind.SERVER }, remote)
    const call = aCall()
    call.trace = received
    await context.with(trace.setSpan(remote, instrumented), () => inbound(served)(call))
    expect(finished().map((span) => [parentId(span), span.kind])).toEqual([[instrumented.spanContext().spanId, SpanKind.INTERNAL]])
  })

  it('is a server span also where caller and service live in one process', async () => {
    register()
    const deliver: Send = (call) => {
      const request = aCall()
      request.trace = call.attemptTrace
      return inbound(served)(request)
    }
    await outbound(deliver)(aCall())
    const [server, client] = finished()
    expect([server?.kind, client?.kind]).toEqual([SpanKind.SERVER, SpanKind.CLIENT])
    expect(parentId(server)).toBe(client?.spanContext().spanId)
    expect(server?.parentSpanContext?.isRemote).toBe(true)
  })

  it('is a server span also on a connection that another call had opened in the same process', async () => {
    register()
    let onConnection: <T>(work: () => T) => T = (work) => work()
    await outbound((call) => {
      onConnection = AsyncLocalStorage.snapshot()
      return served(call)
    })(aCall())
    const call = aCall()
    call.trace = received
    await onConnection(() => inbound(served)(call))
    expect(parentId(finished().at(-1))).toBe(received.spanId)
    expect(finished().at(-1)?.kind).toBe(SpanKind.SERVER)
  })

  it('has no span where instrumentation was told to ignore it, and keeps the caller’s trace', async () => {
    register()
    const call = aCall()
    call.trace = received
    await context.with(ROOT_CONTEXT.setValue(suppressKey, true), () => inbound(served)(call))
    expect(finished()).toEqual([])
    expect(call.trace).toBe(received)
  })
})
