/** The trace that calls belong to. */
import type { Case } from '../case.ts'
import { answer, answers, call, noPause, ok, open, read, see } from '../words.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

export const trace: readonly Case[] = [
  {
    name: 'attempts of a call belong to one trace, each with a span of its own',
    policy: { retry: noPause },
    upstream: { does: [answers('unavailable'), ok] },
    steps: [call(read(), { verdict: 'ok' }), see({ executions: 2, trace: 'one' })],
  },
  {
    name: 'calls under an inbound request belong to its trace and carry its baggage',
    policy: { retry: noPause },
    upstream: { does: [answers('unavailable'), ok] },
    steps: [
      open('in', { trace: traceparent, baggage: 'user=7,tier=beta' }),
      call(read({ under: 'in' }), { verdict: 'ok' }),
      call(read({ under: 'in' }), { verdict: 'ok' }),
      see({ executions: 3, trace: traceId, baggage: 'user=7,tier=beta' }),
    ],
  },
  {
    name: 'work that goes on after the answer still belongs to the trace',
    policy: {},
    upstream: {},
    steps: [open('in', { trace: traceparent }), answer('in'), call(read({ under: 'in' }), { verdict: 'ok' }), see({ trace: traceId })],
  },
]
