/** Measures whole calls as their callers feel them, waiting and retries included, and gives each its place in a trace. */
import type { Call } from '../kernel/call.ts'
import type { Layer, Send } from '../kernel/layer.ts'
import type { Outcome, Settler } from '../kernel/outcome.ts'
import type { Span, SpanStart, TraceContext, TracerSource } from '../kernel/span.ts'
import { SpanEnding } from './span-ending.ts'
import { childContext } from './trace-context.ts'

export interface ObserveOptions {
  readonly direction: 'inbound' | 'outbound'
  /** `http`, `grpc`. */
  readonly protocol: string
  /** Counts the call when its last byte has gone: `meter.call(…)`. */
  readonly cell: Settler
  readonly tracer: TracerSource
}

/**
 * Writes `call.trace` and `call.span`; reads `call.startedAt`.
 *
 * A call joins the trace that it comes with: the wire's on the server, the inbound request's on the client. One that comes with none begins
 * a trace, so that every hop can be joined in logs. Without a tracing library such a trace is marked unsampled, which is true: nobody
 * records its beginning. A service behind that samples as its parent says will not record it either; where traces are wanted, the first
 * service needs the library.
 */
export function observe(options: ObserveOptions): Layer {
  const { cell, tracer } = options
  return (next) => async (call) => {
    const parent = call.trace ?? call.ambient?.trace ?? null
    const tracing = tracer()
    const span = tracing === null ? null : tracing.start(spanStart(options, call, parent))
    if (span === null) call.trace = parent ?? childContext(null)
    const outcome = span === null ? await next(call) : await traced(next, call, { span, isServer: options.direction === 'inbound' })
    outcome.whenSettled(cell, call.startedAt)
    return outcome
  }
}

async function traced(next: Send, call: Call, opened: { span: Span; isServer: boolean }): Promise<Outcome> {
  const { span } = opened
  call.span = span
  call.trace = span.context
  // Below on the server is the user's handler, whose own spans look for their parent; below on the client is nobody but the mesh.
  const outcome = await (opened.isServer ? span.run(next, call) : next(call))
  outcome.whenSettled(new SpanEnding(span), 0)
  return outcome
}

function spanStart(options: ObserveOptions, call: Call, parent: TraceContext | null): SpanStart {
  return {
    kind: options.direction === 'inbound' ? 'server' : 'internal',
    protocol: options.protocol,
    service: call.service,
    method: call.method,
    path: call.path,
    parent,
  }
}
