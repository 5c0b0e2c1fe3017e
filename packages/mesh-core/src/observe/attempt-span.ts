/** Gives each attempt a span id of its own, and a span where a tracing library records the call. */
import type { Call } from '../kernel/call.ts'
import type { Layer, Send } from '../kernel/layer.ts'
import type { Outcome } from '../kernel/outcome.ts'
import type { Span } from '../kernel/span.ts'
import { SpanEnding } from './span-ending.ts'
import { childContext } from './trace-context.ts'

/** Writes `call.attemptTrace`; reads `call.trace`, `call.span` and `call.endpoint`. */
export function attemptSpan(): Layer {
  return (next) => (call) => {
    if (call.span !== null) return traced(next, call, call.span)
    call.attemptTrace = childContext(call.trace)
    return next(call)
  }
}

async function traced(next: Send, call: Call, parent: Span): Promise<Outcome> {
  const endpoint = call.endpoint
  const span = parent.attempt({
    attempt: call.attempt,
    host: endpoint?.host ?? '',
    port: endpoint?.port ?? 0,
    version: call.version,
  })
  call.attemptTrace = span.context
  const outcome = await span.suppressed(next, call)
  outcome.whenSettled(new SpanEnding(span), 0)
  return outcome
}
