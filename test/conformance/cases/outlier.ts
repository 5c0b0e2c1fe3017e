/** When an endpoint is taken out of balance, and how it comes back. */
import type { Case } from '../case.ts'
import { abort, act, answers, begin, call, calls, end, noPause, ok, pass, read, see, silent, times } from '../words.ts'

const once = { attempts: 1 } as const
const fault = answers('fault')
const nobody = { verdict: 'refused', code: 'NO_ENDPOINT' } as const

/** One endpoint, which may be ejected: then a call either probes it or is refused. */
const alone = { consecutiveFailures: 2, maxEjected: 1, panic: 0 } as const

export const outlier: readonly Case[] = [
  {
    name: 'an endpoint that fails in a row is taken out of balance, and the others get its calls',
    policy: { balance: 'round-robin', retry: once, outlier: { consecutiveFailures: 3, ejectFor: '1m' } },
    upstream: { instances: 2, each: [[ok], [fault]] },
    steps: [calls(20, read(), { fault: 3, ok: 17 }), see({ executionsOn: [17, 3], endpoints: ['in', 'out'], moves: ['endpoint ejected'] })],
  },
  {
    name: 'attempts are counted, not calls',
    policy: { balance: 'round-robin', retry: noPause, outlier: { consecutiveFailures: 3, ejectFor: '1m' } },
    upstream: { instances: 2, each: [[ok], [answers('unavailable')]] },
    steps: [calls(20, read(), { verdict: 'ok' }), see({ executionsOn: [20, 3], endpoints: ['in', 'out'] })],
  },
  {
    name: 'a late answer counts against its endpoint',
    policy: {
      balance: 'round-robin',
      attemptTimeout: 250,
      retry: { attempts: 2, on: ['late'], ...noPause },
      outlier: { consecutiveFailures: 2, ejectFor: '1m' },
    },
    upstream: { instances: 2, each: [[ok], [silent]] },
    steps: [calls(10, read(), { verdict: 'ok' }), see({ executionsOn: [10, 2], endpoints: ['in', 'out'] })],
  },
  {
    name: 'an endpoint at which nobody listens is taken out',
    policy: { balance: 'round-robin', retry: noPause, outlier: { consecutiveFailures: 3, ejectFor: '1m' } },
    upstream: { instances: 2, down: [1] },
    steps: [
      calls(12, act(), { verdict: 'ok' }),
      see({ executionsOn: [12, 0], endpoints: ['in', 'out'], attempts: { ok: 12, unreached: 3 } }),
    ],
  },
  {
    name: 'too small a share of successes takes an endpoint out',
    policy: {
      balance: 'round-robin',
      retry: once,
      outlier: { consecutiveFailures: 0, successRate: { below: 0.6, minCalls: 6, window: '1m' }, ejectFor: '1m' },
    },
    upstream: { instances: 2, each: [[ok], [ok, fault, ok, fault, ok, fault]] },
    steps: [calls(20, read(), { fault: 3, ok: 17 }), see({ executionsOn: [14, 6], endpoints: ['in', 'out'] })],
  },
  {
    name: 'a success begins the count anew',
    policy: { retry: once, outlier: { ...alone } },
    upstream: { does: [fault, ok, fault, ok, fault, ok] },
    steps: [calls(6, read(), { fault: 3, ok: 3 }), see({ endpoints: ['in'], moves: [] })],
  },
  {
    name: 'after its time one call probes it, and success brings it back',
    policy: { retry: once, outlier: { ...alone, ejectFor: 200 } },
    upstream: { does: [fault, fault, answers('ok', { afterMs: 60 }), ok] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      call(read(), nobody),
      pass(210),
      begin('all', read(), 4),
      pass(20),
      see({ endpoints: ['probing'] }),
      end('all', { ok: 1, NO_ENDPOINT: 3 }),
      calls(3, read(), { verdict: 'ok' }),
      see({ executions: 6, endpoints: ['in'], moves: ['endpoint ejected', 'endpoint probing', 'endpoint back'] }),
    ],
  },
  {
    name: 'each ejection in a row lasts longer by the first',
    policy: { retry: once, outlier: { ...alone, ejectFor: 300 } },
    upstream: { does: [fault, fault, fault, ok] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      pass(310),
      call(read(), { verdict: 'fault' }),
      see({ endpoints: ['out'] }),
      pass(310),
      call(read(), nobody),
      pass(310),
      call(read(), { verdict: 'ok' }),
      see({ executions: 4, endpoints: ['in'] }),
    ],
  },
  {
    name: 'a probe whose caller leaves gives its turn to the next call',
    policy: { retry: once, outlier: { ...alone, ejectFor: 100 } },
    upstream: { does: [fault, fault, silent, ok] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      pass(110),
      begin('probe', read()),
      pass(20),
      call(read(), nobody),
      abort('probe'),
      end('probe', { verdict: 'cancelled' }),
      call(read(), { verdict: 'ok' }),
      see({ endpoints: ['in'] }),
    ],
  },
  {
    name: 'what was sent before the ejection says nothing once the endpoint is back',
    policy: { retry: once, outlier: { ...alone, ejectFor: 100 } },
    upstream: { does: [...times(3, answers('fault', { afterMs: 600 })), fault, fault, ok] },
    steps: [
      begin('slow', read(), 3),
      pass(50),
      calls(2, read(), { verdict: 'fault' }),
      pass(110),
      call(read(), { verdict: 'ok' }),
      end('slow', { fault: 3 }),
      see({ endpoints: ['in'], moves: ['endpoint ejected', 'endpoint probing', 'endpoint back'] }),
    ],
  },
  {
    name: 'the only endpoint stays, whatever it does',
    policy: { retry: once, outlier: { consecutiveFailures: 2 } },
    upstream: { does: [fault] },
    steps: [calls(10, read(), { verdict: 'fault' }), see({ executions: 10, endpoints: ['in'], moves: [] })],
  },
  {
    name: 'no more than the share that the policy lets go is taken out',
    policy: { retry: once, outlier: { consecutiveFailures: 1, maxEjected: 0.5, ejectFor: '1m', panic: 0 } },
    upstream: { instances: 5, does: [fault] },
    steps: [calls(30, read(), { verdict: 'fault' }), see({ executions: 30, endpoints: ['in', 'in', 'in', 'out', 'out'] })],
  },
  {
    name: 'one of two may always go, unless the policy says none',
    policy: { retry: once, outlier: { consecutiveFailures: 1, maxEjected: 0.1, ejectFor: '1m' } },
    upstream: { instances: 2, does: [fault] },
    steps: [calls(10, read(), { verdict: 'fault' }), see({ endpoints: ['in', 'out'] })],
  },
  {
    name: 'when most endpoints are out the evidence is not believed and all are used',
    policy: { balance: 'round-robin', retry: once, outlier: { consecutiveFailures: 2, maxEjected: 1, ejectFor: '1m', panic: 0.5 } },
    upstream: { instances: 3, each: [[ok], [fault, fault, ok], [fault, fault, ok]] },
    steps: [
      calls(6, read(), { fault: 4, ok: 2 }),
      see({ endpoints: ['in', 'out', 'out'] }),
      calls(9, read(), { verdict: 'ok' }),
      see({ executionsOn: [5, 5, 5], endpoints: ['in', 'out', 'out'] }),
    ],
  },
  {
    name: 'by default five failures in a row take an endpoint out for thirty seconds',
    policy: { balance: 'round-robin', retry: once, outlier: {} },
    upstream: { instances: 2, each: [[ok], [...times(5, fault), ok]] },
    steps: [
      calls(20, read(), { fault: 5, ok: 15 }),
      see({ executionsOn: [15, 5], endpoints: ['in', 'out'] }),
      pass(29_900),
      calls(4, read(), { verdict: 'ok' }),
      see({ executionsOn: [19, 5] }),
      pass(100),
      calls(6, read(), { verdict: 'ok' }),
      see({ endpoints: ['in', 'in'], executionsOn: [22, 8] }),
    ],
    not: { sockets: 'it would take thirty seconds' },
  },
]
