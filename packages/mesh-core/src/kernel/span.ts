/** Trace context and the spans that the mesh opens, independent of any tracing library. */

/** W3C trace context as it stands in `traceparent` and `tracestate`. */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** 16 lower-case hex digits: the parent of whatever is made under this context. */
  readonly spanId: string
  /** Trace flags; bit 0 is `sampled`. */
  readonly flags: number
  /** The `tracestate` list, '' for none. */
  readonly state: string
}

/** A span of a tracing library, as the mesh drives it. */
export interface Span {
  /** What goes on the wire while this span is the current one. */
  readonly context: TraceContext
  /** Opens the span of one attempt under this one. */
  attempt(start: AttemptStart): Span
  /** Runs `work(argument)` with this span as the active one: how a handler's own spans find their parent. */
  run<A, T>(work: (argument: A) => T, argument: A): T
  /** Like `run`, and whatever else traces the same request (instrumentation of the HTTP client) opens no span and writes no header. */
  suppressed<A, T>(work: (argument: A) => T, argument: A): T
  /** Ends the span with what became of the call or attempt. */
  end(end: SpanEnd): void
}

/** What the span of an attempt is told at its start. */
export interface AttemptStart {
  /** From 1. */
  readonly attempt: number
  /** The chosen endpoint's host and port; '' and 0 where the attempt goes nowhere. */
  readonly host: string
  readonly port: number
  /** '' for none. */
  readonly version: string
}

/** What a span is told at its start. */
export interface SpanStart {
  /** `server` for an inbound request, `internal` for a whole outbound call; the attempts under it are spans of kind client. */
  readonly kind: 'server' | 'internal'
  /** `http`, `grpc`: which conventions name the span. */
  readonly protocol: string
  readonly service: string
  readonly method: string
  readonly path: string
  readonly parent: TraceContext | null
}

/** What a span is told at its end. */
export interface SpanEnd {
  readonly verdict: string
  /** The reply's; '' where there was none. */
  readonly status: string
  /** Why the mesh answered in the server's place; '' where it did not. */
  readonly code: string
  readonly failed: boolean
  readonly attempt: number
  readonly endpoint: string
}

/** Opens spans; null where no tracing library is registered. */
export interface Tracer {
  /** Null where tracing is switched off for the running code, as within an exporter's own requests. */
  start(start: SpanStart): Span | null
}

/** Asked for every call, since a tracing library may register later than the mesh starts. */
export type TracerSource = () => Tracer | null
