/** What a call does whose caller would rather wait than fail while the service is not ready. */
import type { Case } from '../case.ts'
import { abort, act, answers, begin, call, calls, end, instance, noPause, ok, pass, read, see, times } from '../words.ts'

const nobody = { down: [0] }
const once = { attempts: 1 } as const
const not = { http: 'its doors have no word for it' } as const

export const waitForReady: readonly Case[] = [
  {
    name: 'a call is sent once somebody is there, and is the first that anybody sees',
    policy: { timeout: 5000, retry: once },
    upstream: {},
    steps: [
      instance(0, 'kill'),
      begin('one', act({ waits: true })),
      pass(300),
      see({ inFlight: 1, executions: 0 }),
      instance(0, 'start'),
      end('one', { verdict: 'ok' }),
      see({ executions: 1, attemptsTold: [1] }),
    ],
    not,
  },
  {
    name: 'whoever does not ask for it is told at once',
    policy: { retry: once },
    upstream: nobody,
    steps: [call(read(), { verdict: 'unreached', attempts: 1, within: [0, 0] })],
  },
  {
    name: 'a stream that can be read once is whole when it goes',
    policy: { timeout: 5000, retry: once },
    upstream: {},
    steps: [
      instance(0, 'kill'),
      begin('one', act({ waits: true, body: 'long-stream' })),
      pass(200),
      instance(0, 'start'),
      end('one', { verdict: 'ok' }),
      see({ executions: 1 }),
    ],
    not,
  },
  {
    name: 'it waits no longer than it has time',
    policy: { timeout: 400, retry: once },
    upstream: nobody,
    steps: [
      call(read({ waits: true, timeoutMs: 200 }), { verdict: 'expired', code: 'EXPIRED', within: [200, 200] }),
      call(read({ waits: true }), { verdict: 'expired', code: 'EXPIRED', within: [400, 400] }),
    ],
    not,
  },
  {
    name: 'its caller may leave',
    policy: { timeout: 5000 },
    upstream: nobody,
    steps: [
      begin('one', read({ waits: true })),
      pass(100),
      abort('one'),
      end('one', { verdict: 'cancelled', within: [100, 100] }),
      see({ inFlight: 0 }),
    ],
    not,
  },
  {
    name: 'it is one call to whoever counts them: one token, one place, nothing of the budget, and no breaker opens',
    policy: {
      timeout: 300,
      rateLimit: { outbound: { perSecond: 0.01, burst: 2 } },
      limit: { outbound: { inFlight: 1 } },
      retry: { attempts: 3, ...noPause, budget: { ratio: 0, minPerSecond: 0.5 } },
      breaker: { consecutiveFailures: 2, openFor: '1m' },
    },
    upstream: nobody,
    steps: [
      begin('one', read({ waits: true })),
      pass(100),
      call(read(), { verdict: 'refused', code: 'LIMIT_FULL', attempts: 0, within: [0, 0] }),
      end('one', { verdict: 'expired' }),
      see({ breakers: { '': 'closed' }, retriesLeft: 5 }),
      call(read(), { verdict: 'refused', code: 'RATE_LIMITED', attempts: 0, within: [0, 0] }),
    ],
    not,
  },
  {
    name: 'it waits while a breaker is open',
    policy: { timeout: 5000, retry: once, breaker: { consecutiveFailures: 2, openFor: 300 } },
    upstream: { does: [...times(2, answers('fault')), ok] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      see({ breakers: { '': 'open' } }),
      // Looked for at most a fifth of a second after the breaker lets a call pass.
      call(read({ waits: true }), { verdict: 'ok', within: [300, 700] }),
      see({ executions: 3 }),
    ],
    not,
  },
  {
    name: 'an answer is an answer: nothing is waited for once a call has come in anywhere',
    policy: { timeout: 5000, retry: once },
    upstream: { does: [answers('unavailable'), ok] },
    steps: [call(read({ waits: true }), { verdict: 'unavailable', within: [0, 0] }), see({ executions: 1 })],
    not,
  },
]
