/** Spans through the OpenTelemetry API, where a program has registered a tracer provider. */
import {
  type Context,
  context,
  createContextKey,
  createTraceState,
  isSpanContextValid,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { AttemptStart, Span, SpanEnd, SpanStart, TraceContext, Tracer, TracerSource } from '../kernel/span.ts'
import { attemptAttributes, endAttributes, type SpanSide, spanName, startAttributes } from './span-attributes.ts'
import { RANDOM, SAMPLED } from './trace-context.ts'

// What an unregistered proxy delegates to; the same object for all of them.
const noProvider = new ProxyTracerProvider().getDelegate()
// The SDK's own key, which its instrumentation and its propagators respect; the name is the contract.
const suppressKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** A source that answers null while no tracer provider is registered; asked for every call, it costs some ten nanoseconds. */
export function otelTracer(): TracerSource {
  let seen: TracerProvider | null = null
  let tracer: Tracer | null = null
  return () => {
    const provider = trace.getTracerProvider()
    if (provider instanceof ProxyTracerProvider && provider.getDelegate() === noProvider) return null
    if (provider !== seen) {
      seen = provider
      tracer = new MeshTracer(provider.getTracer('@zerohop/mesh-core'))
    }
    return tracer
  }
}

class MeshTracer implements Tracer {
  readonly #tracer: OtelTracer

  constructor(tracer: OtelTracer) {
    this.#tracer = tracer
  }

  start(start: SpanStart): Span | null {
    const place = start.kind === 'server' ? serverPlace(start.parent) : clientPlace(start.parent)
    return place === null ? null : openSpan(this.#tracer, start, place)
  }
}

/** Where a new span hangs. */
interface Place {
  readonly under: Context
  readonly kind: SpanKind
  readonly remote: TraceContext | null
}

function clientPlace(remote: TraceContext | null): Place | null {
  const active = context.active()
  if (active.getValue(suppressKey) === true) return null
  const under = trace.getSpan(active) === undefined && remote !== null ? trace.setSpanContext(active, toOtel(remote)) : active
  return { under, kind: SpanKind.INTERNAL, remote }
}

// What is active when a request comes in is the request's own only where instrumentation of the HTTP server put it there, and then it is in
// the trace that the caller sent. It may as well be whatever was active when the server was started, or, with caller and service in one
// process, the caller's attempt, which is known by its being suppressed. Suppressed without any span: instrumentation was told to ignore
// the request.
function serverPlace(remote: TraceContext | null): Place | null {
  const active = context.active()
  const span = trace.getSpan(active)
  const isSuppressed = active.getValue(suppressKey) === true
  if (isSuppressed && span === undefined) return null
  const isServers = !isSuppressed && (remote === null ? span?.isRecording() === true : span?.spanContext().traceId === remote.traceId)
  if (isServers) return { under: active, kind: SpanKind.INTERNAL, remote }
  return { under: remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, toOtel(remote)), kind: SpanKind.SERVER, remote }
}

function openSpan(tracer: OtelTracer, start: SpanStart, place: Place): Span | null {
  const options = { kind: place.kind, attributes: startAttributes(start.kind, start) }
  const span = tracer.startSpan(spanName(start.kind, start), options, place.under)
  const spanContext = span.spanContext()
  // A provider that only pretends hands out ids of zeros, which no wire may carry.
  if (!isSpanContextValid(spanContext)) return null
  return new MeshSpan({ tracer, span, start, side: start.kind, under: place.under, context: fromOtel(spanContext, place.remote) })
}

interface MeshSpanStart {
  readonly tracer: OtelTracer
  readonly span: OtelSpan
  readonly start: SpanStart
  readonly side: SpanSide
  readonly under: Context
  readonly context: TraceContext
}

class MeshSpan implements Span {
  readonly context: TraceContext
  readonly #made: MeshSpanStart
  readonly #within: Context

  constructor(made: MeshSpanStart) {
    this.context = made.context
    this.#made = made
    this.#within = trace.setSpan(made.under, made.span)
  }

  attempt(attempt: AttemptStart): Span {
    const { tracer, start } = this.#made
    const options = { kind: SpanKind.CLIENT, attributes: attemptAttributes(start, attempt) }
    const span = tracer.startSpan(spanName('client', start), options, this.#within)
    const context = fromOtel(span.spanContext(), this.context)
    return new MeshSpan({ tracer, span, start, side: 'client', under: this.#within, context })
  }

  run<A, T>(work: (argument: A) => T, argument: A): T {
    return context.with(this.#within, work, undefined, argument)
  }

  suppressed<A, T>(work: (argument: A) => T, argument: A): T {
    return context.with(this.#within.setValue(suppressKey, true), work, undefined, argument)
  }

  end(end: SpanEnd): void {
    const { span, side, start } = this.#made
    const attributes = endAttributes(side, start.protocol, end)
    span.setAttributes(attributes)
    if (attributes['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
    try {
      span.end()
    } catch (error) {
      // A span processor is the application's: what it throws must not keep the accounts behind this one from being settled.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function toOtel(remote: TraceContext): SpanContext {
  const { traceId, spanId, flags, state } = remote
  return state === ''
    ? { traceId, spanId, traceFlags: flags, isRemote: true }
    : { traceId, spanId, traceFlags: flags, isRemote: true, traceState: createTraceState(state) }
}

// The random flag is a fact about the trace id; libraries of level 1 lose it on the way.
function fromOtel(made: SpanContext, parent: TraceContext | null): TraceContext {
  const kept = parent !== null && parent.traceId === made.traceId ? parent.flags & RANDOM : 0
  return {
    traceId: made.traceId,
    spanId: made.spanId,
    flags: (made.traceFlags & (SAMPLED | RANDOM)) | kept,
    state: made.traceState?.serialize() ?? '',
  }
}

/** Runs `work`, and whatever it starts, outside of any trace: instrumentation opens no spans for it. */
export function untraced<T>(work: () => T): T {
  return context.with(ROOT_CONTEXT.setValue(suppressKey, true), work)
}
