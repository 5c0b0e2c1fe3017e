/** Ends a span when the last byte of its call or attempt has gone. */
import type { Outcome, Settler } from '../kernel/outcome.ts'
import type { Span } from '../kernel/span.ts'
import { type Verdict, verdictName } from '../kernel/verdict.ts'
import { isFailure } from './cell.ts'

/** Signed up once per span. */
export class SpanEnding implements Settler {
  readonly #span: Span

  constructor(span: Span) {
    this.#span = span
  }

  settled(outcome: Outcome, final: Verdict): void {
    this.#span.end({
      verdict: verdictName(final),
      status: outcome.reply?.status ?? '',
      code: outcome.code,
      failed: isFailure(final),
      attempt: outcome.attempt,
      endpoint: outcome.endpoint?.address ?? '',
    })
  }
}
