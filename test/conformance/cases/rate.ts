/** How many calls a second may begin. */
import type { Case } from '../case.ts'
import { answers, call, calls, noPause, ok, pass, read, see } from '../words.ts'

const spent = { verdict: 'refused', code: 'RATE_LIMITED', attempts: 0, within: [0, 0] } as const

export const rate: readonly Case[] = [
  {
    name: 'a burst goes through, and what goes beyond is refused',
    policy: { rateLimit: { outbound: { perSecond: 0.01, burst: 3 } } },
    upstream: {},
    steps: [calls(3, read(), { verdict: 'ok' }), calls(4, read(), spent), see({ executions: 3 })],
  },
  {
    name: 'tokens come back evenly, up to the burst',
    policy: { rateLimit: { outbound: { perSecond: 4, burst: 1 } } },
    upstream: {},
    steps: [
      call(read(), { verdict: 'ok' }),
      call(read(), spent),
      pass(260),
      call(read(), { verdict: 'ok' }),
      call(read(), spent),
      pass(700),
      call(read(), { verdict: 'ok' }),
      call(read(), spent),
      see({ executions: 3 }),
    ],
  },
  {
    name: 'without a burst one second of calls may come at once',
    policy: { rateLimit: { outbound: { perSecond: 5 } } },
    upstream: {},
    steps: [calls(5, read(), { verdict: 'ok' }), call(read(), spent)],
    not: { sockets: 'on a busy machine tokens come back between the calls' },
  },
  {
    name: 'a call that is tried again spends one token',
    policy: { retry: noPause, rateLimit: { outbound: { perSecond: 0.01, burst: 2 } } },
    upstream: { does: [answers('unavailable'), ok] },
    steps: [calls(2, read(), { verdict: 'ok' }), call(read(), spent), see({ executions: 3 })],
  },
]
