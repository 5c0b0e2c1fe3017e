/** How often and when a call is tried again, and where. */
import type { Case } from '../case.ts'
import { abort, act, answers, begin, call, calls, cut, end, instance, noPause, ok, pass, read, see, silent } from '../words.ts'

const noRace = {
  direct: 'memory has no connections that could serve twice',
  grpc: 'HTTP/2 announces the end of a connection: one that is lost is no race',
} as const

export const attempts: readonly Case[] = [
  {
    name: 'when the attempts are spent the last answer is handed up',
    policy: { retry: { attempts: 3, ...noPause } },
    upstream: {
      does: [answers('unavailable', { pieces: 2 }), answers('unavailable', { pieces: 3 }), answers('unavailable', { pieces: 4 })],
    },
    steps: [call(read(), { verdict: 'unavailable', pieces: 4 }), see({ executions: 3, retries: 2, attempts: { unavailable: 3 } })],
  },
  {
    name: 'when the attempts are spent the error lists all of them',
    policy: { retry: { attempts: 4, ...noPause } },
    upstream: { down: [0] },
    steps: [call(act(), { verdict: 'unreached', attempts: 4 }), see({ retries: 3 })],
  },
  {
    name: 'one attempt is one attempt',
    policy: { retry: { attempts: 1 } },
    upstream: { does: [answers('unavailable'), ok] },
    steps: [call(read(), { verdict: 'unavailable' }), see({ executions: 1 })],
  },
  {
    name: 'each attempt goes to another endpoint',
    policy: { retry: { attempts: 4, ...noPause } },
    upstream: { instances: 4, does: [answers('unavailable'), answers('unavailable'), answers('unavailable'), ok] },
    steps: [call(read(), { verdict: 'ok' }), see({ executions: 4, allElsewhere: true })],
  },
  {
    name: 'where every endpoint has failed the call, one that has is better than none',
    policy: { retry: { attempts: 3, ...noPause } },
    upstream: { instances: 2, does: [answers('unavailable'), answers('unavailable'), ok] },
    steps: [call(read(), { verdict: 'ok' }), see({ executions: 3 })],
  },
  {
    name: 'an answer that is thrown away holds neither the call nor its connection, however long it is',
    policy: { timeout: '1m', retry: noPause },
    upstream: { does: [answers('unavailable', { pieces: 500, everyMs: 20 }), ok] },
    // Its rest is read for one second at most; that nothing is left is looked for within one and a half.
    steps: [call(read(), { verdict: 'ok', within: [0, 20] }), see({ executions: 2 })],
  },
  {
    name: 'a dead endpoint costs no call, not even one that may not be repeated',
    policy: { balance: 'round-robin', retry: noPause },
    upstream: { instances: 3, down: [1] },
    steps: [calls(12, act(), { verdict: 'ok' }), see({ executions: 12, executionsOn: [[4, 8], 0, [4, 8]] })],
  },
  {
    name: 'an endpoint that dies and comes back costs no call',
    policy: { balance: 'round-robin', retry: noPause },
    upstream: { instances: 2 },
    steps: [
      calls(4, act(), { verdict: 'ok' }),
      see({ executionsOn: [2, 2] }),
      instance(0, 'kill'),
      pass(10),
      calls(6, act(), { verdict: 'ok' }),
      see({ executionsOn: [2, 8] }),
      instance(0, 'start'),
      // While it was avoided.
      pass(1010),
      calls(6, act(), { verdict: 'ok' }),
      see({ executionsOn: [5, 11] }),
    ],
  },
  ...[1, 2, 3].map(
    (seed): Case => ({
      name: `pauses are random, grow, and stay within their bounds (${seed})`,
      seed,
      policy: { retry: { attempts: 5, backoff: { base: 20, cap: 100 } } },
      upstream: { does: [answers('unavailable')] },
      steps: [
        call(read(), { verdict: 'unavailable' }),
        see({
          executions: 5,
          gaps: [
            [0, 20],
            [0, 60],
            [0, 100],
            [0, 100],
          ],
        }),
      ],
    }),
  ),
  {
    name: 'over many calls the pauses fill their bounds evenly',
    policy: { retry: { attempts: 2, backoff: { base: 100, cap: 100 }, budget: { ratio: 1 } } },
    upstream: { does: [answers('unavailable')] },
    // The sum of 400 pauses, each even in 0 to 100 ms: 20 s, give or take four times 0.58 s.
    steps: [calls(400, read(), { verdict: 'unavailable', within: [0, 100] }), see({ executions: 800, spanned: [17_700, 22_300] })],
    not: { sockets: 'it would take twenty seconds' },
  },
  {
    name: 'a service that asks for time is given it',
    policy: { retry: noPause },
    upstream: { does: [answers('unavailable', { retryAfterMs: 1000 }), ok] },
    steps: [call(read(), { verdict: 'ok' }), see({ gaps: [[1000, 1000]] })],
  },
  {
    name: 'a service that asks for more time than the call has gets no second attempt, and its answer is handed up at once',
    policy: { timeout: 900, retry: noPause },
    upstream: { does: [answers('unavailable', { retryAfterMs: 1000 }), ok] },
    steps: [call(read(), { verdict: 'unavailable', within: [0, 10] }), see({ executions: 1 })],
  },
  {
    name: 'attempts end when the call does',
    policy: { timeout: 870, attemptTimeout: 300, retry: { attempts: 10, on: ['late'], ...noPause } },
    upstream: { does: [silent] },
    steps: [
      call(read(), { verdict: 'expired', attempts: 3, within: [870, 870] }),
      see({
        executions: 3,
        gaps: [
          [300, 300],
          [300, 300],
        ],
        attempts: { late: 2, expired: 1 },
      }),
    ],
  },
  {
    name: 'a caller that leaves during the pause is let go at once, and nothing more is sent',
    policy: { retry: noPause },
    upstream: { does: [answers('unavailable', { retryAfterMs: 2000 }), ok] },
    steps: [
      begin('one', read()),
      pass(50),
      abort('one'),
      end('one', { verdict: 'cancelled', within: [50, 50] }),
      pass(100),
      see({ executions: 1 }),
    ],
  },
  {
    name: 'the keep-alive race is tried once more, free of attempts and of budget, and is held against nobody',
    policy: {
      retry: { attempts: 1, budget: { ratio: 0, minPerSecond: 0 } },
      breaker: { consecutiveFailures: 1 },
      outlier: { consecutiveFailures: 1, maxEjected: 1, panic: 0 },
    },
    upstream: { does: [ok, cut('head'), ok] },
    steps: [
      calls(2, read(), { verdict: 'ok' }),
      see({ executions: 3, retriesLeft: 0, breakers: { '': 'closed' }, endpoints: ['in'], moves: [] }),
    ],
    not: noRace,
  },
  {
    name: 'the keep-alive race is tried once more only once',
    policy: { retry: { attempts: 1 } },
    upstream: { does: [ok, cut('head'), cut('head'), ok] },
    steps: [call(read(), { verdict: 'ok' }), call(read(), { verdict: 'broken', attempts: 2 }), see({ executions: 3 })],
    not: noRace,
  },
  {
    name: 'in the keep-alive race a call that may not be repeated is not, and nobody is blamed',
    policy: { breaker: { consecutiveFailures: 1 }, outlier: { consecutiveFailures: 1, maxEjected: 1, panic: 0 } },
    upstream: { does: [ok, cut('head'), ok] },
    steps: [
      call(act(), { verdict: 'ok' }),
      call(act(), { verdict: 'broken', attempts: 1 }),
      see({ executions: 2, moves: [] }),
      call(act(), { verdict: 'ok' }),
    ],
    not: noRace,
  },
  {
    name: 'in the keep-alive race a call that is to be made once is made once',
    policy: {},
    upstream: { does: [ok, cut('head'), ok] },
    steps: [call(read(), { verdict: 'ok' }), call(read({ once: true }), { verdict: 'broken' }), see({ executions: 2 })],
    not: noRace,
  },
]
