/** How many calls may be under way, who waits, and when a place is given back. */
import type { Case } from '../case.ts'
import { abort, answers, begin, call, end, noPause, ok, pass, read, see, silent } from '../words.ts'

const slow = answers('ok', { afterMs: 100 })
const full = { verdict: 'refused', code: 'LIMIT_FULL', attempts: 0, within: [0, 0] } as const

export const limit: readonly Case[] = [
  {
    name: 'calls beyond the limit are refused at once where there is no line',
    policy: { limit: { outbound: { inFlight: 2 } } },
    upstream: { does: [slow] },
    steps: [begin('all', read(), 5), end('all', { ok: 2, LIMIT_FULL: 3 }), see({ executions: 2, attempts: { ok: 2 }, inFlight: 0 })],
  },
  {
    name: 'those in line go in the order in which they came',
    policy: { limit: { outbound: { inFlight: 1, queue: 3 } } },
    upstream: { does: [slow] },
    steps: [
      begin('first', read()),
      begin('second', read()),
      begin('third', read()),
      begin('fourth', read()),
      pass(30),
      see({ inFlight: 1, queued: 3, executions: 1 }),
      end('first', { verdict: 'ok', within: [100, 100] }),
      end('second', { verdict: 'ok', within: [200, 200] }),
      end('third', { verdict: 'ok', within: [300, 300] }),
      end('fourth', { verdict: 'ok', within: [400, 400] }),
      see({
        gaps: [
          [100, 100],
          [100, 100],
          [100, 100],
        ],
      }),
    ],
  },
  {
    name: 'a line that is full takes nobody',
    policy: { limit: { outbound: { inFlight: 1, queue: 1 } } },
    upstream: { does: [slow] },
    steps: [begin('two', read(), 2), pass(20), call(read(), full), end('two', { ok: 2 }), see({ executions: 2 })],
  },
  {
    name: 'who has waited in line for its time is refused',
    policy: { limit: { outbound: { inFlight: 1, queue: 5, queueFor: 60 } } },
    upstream: { does: [answers('ok', { afterMs: 400 })] },
    steps: [
      begin('first', read()),
      pass(10),
      call(read(), { verdict: 'refused', code: 'LIMIT_WAITED', attempts: 0, within: [60, 60] }),
      see({ queued: 0, inFlight: 1 }),
      end('first', { verdict: 'ok' }),
      see({ executions: 1 }),
    ],
  },
  {
    name: 'the time in line is time of the call',
    policy: { limit: { outbound: { inFlight: 1, queue: 5 } } },
    upstream: { does: [answers('ok', { afterMs: 400 })] },
    steps: [
      begin('first', read()),
      pass(10),
      call(read({ timeoutMs: 70 }), { verdict: 'expired', attempts: 0, within: [70, 70] }),
      end('first', { verdict: 'ok' }),
      see({ executions: 1 }),
    ],
  },
  {
    name: 'the time in line is no time of the attempt',
    policy: { attemptTimeout: 300, limit: { outbound: { inFlight: 1, queue: 5 } } },
    upstream: { does: [answers('ok', { afterMs: 200 })] },
    steps: [begin('both', read(), 2), end('both', { verdict: 'ok', within: [200, 400] })],
  },
  {
    name: "a place is given back with the body's last byte",
    policy: { limit: { outbound: { inFlight: 1, queue: 1 } } },
    upstream: { does: [answers('ok', { pieces: 5, everyMs: 50 }), ok] },
    steps: [
      begin('first', read()),
      pass(20),
      call(read(), { verdict: 'ok', within: [180, 180] }),
      end('first', { verdict: 'ok', pieces: 5 }),
      see({ gaps: [[200, 200]] }),
    ],
  },
  {
    name: 'a place is given back when its caller leaves',
    policy: { limit: { outbound: { inFlight: 1, queue: 1 } } },
    upstream: { does: [silent, ok] },
    steps: [
      begin('first', read()),
      begin('second', read()),
      pass(50),
      see({ executions: 1, queued: 1 }),
      abort('first'),
      end('first', { verdict: 'cancelled' }),
      end('second', { verdict: 'ok', within: [50, 50] }),
    ],
  },
  {
    name: 'a place is given back when its body is broken off',
    policy: { limit: { outbound: { inFlight: 1, queue: 1 } } },
    upstream: { does: [answers('ok', { pieces: 50, everyMs: 30 }), ok] },
    steps: [
      begin('first', read()),
      begin('second', read()),
      pass(70),
      abort('first'),
      end('first', { verdict: 'cancelled', gets: 'broken answer' }),
      end('second', { verdict: 'ok', within: [70, 70] }),
    ],
  },
  {
    name: 'who leaves the line makes room in it',
    policy: { limit: { outbound: { inFlight: 1, queue: 1 } } },
    upstream: { does: [slow] },
    steps: [
      begin('first', read()),
      begin('second', read()),
      pass(10),
      abort('second'),
      end('second', { verdict: 'cancelled' }),
      see({ queued: 0 }),
      begin('third', read()),
      end('third', { verdict: 'ok' }),
      end('first', { verdict: 'ok' }),
      see({ executions: 2 }),
    ],
  },
  {
    name: 'a call that is tried again keeps its place',
    policy: { retry: noPause, limit: { outbound: { inFlight: 1, queue: 1 } } },
    upstream: { does: [answers('unavailable', { afterMs: 50 }), slow] },
    steps: [begin('both', read(), 2), end('both', { verdict: 'ok' }), see({ attemptsTold: [1, 2, 1] })],
  },
]
