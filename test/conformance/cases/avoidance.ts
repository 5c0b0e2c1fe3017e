/** How an endpoint at which nobody listens is kept away from, though discovery lists it. */
import type { Case } from '../case.ts'
import { act, call, calls, instance, noPause, pass, read, see } from '../words.ts'

// Ten retries come with the quiet, and a tenth of sixty calls: six. A third of sixty, which a dead endpoint of three would cost, is more.
const poor = { budget: { ratio: 0.1, minPerSecond: 1 }, ...noPause } as const

export const avoidance: readonly Case[] = [
  {
    name: 'a dead instance that is listed among three costs no call, and not the retry budget',
    policy: { balance: 'round-robin', retry: poor },
    upstream: { instances: 3, down: [1] },
    steps: [
      calls(60, act(), { verdict: 'ok' }),
      see({ executionsOn: [[28, 32], 0, [28, 32]], retries: [3, 5], endpoints: ['in', 'in', 'out'] }),
    ],
  },
  {
    name: 'of three instances two may be dead',
    policy: { balance: 'least-loaded', retry: poor },
    upstream: { instances: 3, down: [0, 2] },
    steps: [calls(40, act(), { verdict: 'ok' }), see({ executionsOn: [0, 40, 0], retries: [2, 12] })],
  },
  {
    name: 'a call in a second finds out whether somebody listens again, and its caller gets an answer either way',
    policy: { balance: 'round-robin', retry: noPause },
    upstream: { instances: 2 },
    steps: [
      instance(0, 'kill'),
      calls(12, act(), { verdict: 'ok' }),
      see({ executionsOn: [0, 12], endpoints: ['in', 'out'] }),
      pass(1010),
      calls(4, act(), { verdict: 'ok' }),
      see({ executionsOn: [0, 16], endpoints: ['in', 'out'] }),
      instance(0, 'start'),
      pass(1010),
      calls(8, act(), { verdict: 'ok' }),
      see({
        executionsOn: [
          [3, 5],
          [19, 21],
        ],
        endpoints: ['in', 'in'],
      }),
    ],
  },
  {
    name: 'where nobody listens anywhere all are tried, and the first that is back gets the calls',
    policy: { balance: 'round-robin', retry: { attempts: 2, ...noPause } },
    upstream: { instances: 2 },
    steps: [
      instance(0, 'kill'),
      instance(1, 'kill'),
      calls(8, read(), { verdict: 'unreached' }),
      see({ endpoints: ['out', 'out'], executions: 0 }),
      instance(1, 'start'),
      calls(6, act(), { verdict: 'ok' }),
      see({ executionsOn: [0, 6], endpoints: ['in', 'out'] }),
    ],
  },
  {
    name: 'a policy that lets every endpoint be ejected does not let a single one be avoided',
    policy: {
      retry: { attempts: 1 },
      outlier: { consecutiveFailures: 0, successRate: { below: 0.01, minCalls: 1000 }, maxEjected: 1, panic: 0 },
    },
    upstream: {},
    steps: [instance(0, 'kill'), calls(5, read(), { verdict: 'unreached' }), instance(0, 'start'), call(read(), { verdict: 'ok' })],
  },
]
