/** How many retries the calls of a destination have earned. */
import type { Case } from '../case.ts'
import { answers, apart, calls, cut, noPause, pass, read, see } from '../words.ts'

const failing = { does: [answers('unavailable')] }

export const budget: readonly Case[] = [
  {
    name: 'each call earns its share of a retry, and an answer without a retry is handed up',
    policy: { retry: { attempts: 2, ...noPause, budget: { ratio: 0.5, minPerSecond: 0 } } },
    upstream: failing,
    steps: [calls(10, read(), { verdict: 'unavailable', pieces: 1 }), see({ executions: 15, retries: 5, retriesLeft: 0 })],
  },
  {
    name: 'a quiet client may retry ten times a second, whatever its calls earn',
    policy: { retry: { attempts: 2, ...noPause, budget: { ratio: 0, minPerSecond: 0.5 } } },
    upstream: failing,
    steps: [calls(10, read(), { verdict: 'unavailable' }), see({ executions: 15, retries: 5, retriesLeft: 0 })],
  },
  {
    name: 'a lost connection spends the budget as an answer does',
    policy: { retry: { attempts: 2, ...noPause, budget: { ratio: 0.2, minPerSecond: 0 } } },
    upstream: { does: [cut('head')], freshConnections: true },
    steps: [calls(10, read(), { verdict: 'broken' }), see({ executions: 12, retries: 2 })],
  },
  {
    name: 'several retries of one call each spend one',
    policy: { retry: { attempts: 5, ...noPause, budget: { ratio: 0, minPerSecond: 0.7 } } },
    upstream: failing,
    steps: [calls(3, read(), { verdict: 'unavailable' }), see({ executions: 10, retries: 7 })],
  },
  {
    name: 'under a service that fails, 20 % and ten a second over ten seconds are retried, and no more',
    policy: { retry: { attempts: 3, ...noPause } },
    upstream: failing,
    // 100 calls a second for 10 s: 0.2 * 1000 + 10 * 10.
    steps: [apart(10, calls(1000, read(), { verdict: 'unavailable' })), see({ executions: 1300, retries: 300, retriesLeft: 0 })],
    not: { sockets: 'it would take ten seconds; the rule is exact over any time' },
  },
  {
    name: 'the history of a budget leaves it after ten seconds',
    policy: { retry: { attempts: 2, ...noPause, budget: { ratio: 0, minPerSecond: 0.3 } } },
    upstream: failing,
    steps: [
      calls(5, read(), { verdict: 'unavailable' }),
      see({ retries: 3, retriesLeft: 0 }),
      pass(8900),
      see({ retriesLeft: 0 }),
      pass(1200),
      see({ retriesLeft: 3 }),
      calls(5, read(), { verdict: 'unavailable' }),
      see({ retries: 6 }),
    ],
    not: { sockets: 'it would take ten seconds' },
  },
]
