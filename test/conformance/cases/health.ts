/** What active checks see, and what follows. */
import type { Case } from '../case.ts'
import { answers, calls, instance, noPause, ok, pass, read, see, times } from '../words.ts'

const fault = answers('fault')
const once = { attempts: 1 } as const
const checked = { http: { path: '/healthz' }, interval: 100, timeout: 50, unhealthyAfter: 2, healthyAfter: 1 } as const
const connected = { tcp: true, interval: 100, timeout: 50, unhealthyAfter: 2, healthyAfter: 1 } as const

export const health: readonly Case[] = [
  {
    name: 'an endpoint whose check fails gets no calls, though no call has failed there',
    policy: { balance: 'round-robin', retry: once, health: checked },
    upstream: { instances: 3, each: [[ok], [ok, fault], [ok]] },
    steps: [
      calls(3, read(), { verdict: 'ok' }),
      pass(700),
      see({ endpoints: ['in', 'in', 'out'], moves: ['endpoint unhealthy'] }),
      calls(30, read(), { verdict: 'ok' }),
    ],
  },
  {
    name: 'an endpoint is back when its check passes again',
    policy: { balance: 'round-robin', retry: once, health: checked },
    upstream: { instances: 2, each: [[ok], [ok, fault, fault, ok]] },
    steps: [
      calls(2, read(), { verdict: 'ok' }),
      pass(1000),
      see({ endpoints: ['in', 'in'], moves: ['endpoint unhealthy', 'endpoint healthy'] }),
      calls(10, read(), { verdict: 'ok' }),
    ],
  },
  {
    name: 'a check that passes brings back at once what its failures threw out',
    // The calls, and not a check that is early, must meet the failures: the second instance is asked half of the interval after the first.
    policy: {
      balance: 'round-robin',
      retry: once,
      health: { ...checked, interval: 800 },
      outlier: { consecutiveFailures: 2, ejectFor: '1m' },
    },
    upstream: { instances: 2, each: [[ok], [...times(2, fault), ok]] },
    steps: [
      calls(4, read(), { ok: 2, fault: 2 }),
      see({ endpoints: ['in', 'out'] }),
      pass(1800),
      see({ endpoints: ['in', 'in'], moves: ['endpoint ejected', 'endpoint back'] }),
      calls(10, read(), { verdict: 'ok' }),
    ],
  },
  {
    name: 'where every check fails all are used: a path that nobody serves is no outage',
    policy: { balance: 'round-robin', retry: once, health: { ...checked, http: { path: '/healthz', status: 204 } } },
    upstream: { instances: 2 },
    steps: [calls(2, read(), { verdict: 'ok' }), pass(700), see({ endpoints: ['out', 'out'] }), calls(10, read(), { verdict: 'ok' })],
  },
  {
    name: 'a check that asks nothing finds out who takes no connection, and who does again',
    policy: { balance: 'round-robin', retry: { attempts: 2, ...noPause }, health: connected },
    upstream: { instances: 2 },
    steps: [
      calls(2, read(), { verdict: 'ok' }),
      instance(0, 'kill'),
      pass(900),
      see({ endpoints: ['in', 'out'], moves: ['endpoint unhealthy'] }),
      calls(10, read(), { verdict: 'ok' }),
      see({ retries: 0, executions: 12 }),
      instance(0, 'start'),
      pass(700),
      see({ endpoints: ['in', 'in'], moves: ['endpoint unhealthy', 'endpoint healthy'] }),
    ],
  },
  {
    name: 'taking a connection is no excuse for failing: who was thrown out for it stays out',
    policy: { balance: 'round-robin', retry: once, health: connected, outlier: { consecutiveFailures: 2, ejectFor: '1m' } },
    upstream: { instances: 2, each: [[ok], [...times(2, fault), ok]] },
    steps: [
      calls(4, read(), { ok: 2, fault: 2 }),
      pass(700),
      see({ endpoints: ['in', 'out'], moves: ['endpoint ejected'] }),
      calls(10, read(), { verdict: 'ok' }),
    ],
  },
  {
    name: 'an endpoint that died is known before a call finds out, and is back without one',
    policy: { balance: 'round-robin', retry: { attempts: 2, ...noPause }, health: checked },
    upstream: { instances: 2 },
    steps: [
      calls(2, read(), { verdict: 'ok' }),
      instance(0, 'kill'),
      pass(900),
      calls(10, read(), { verdict: 'ok' }),
      see({ endpoints: ['in', 'out'], retries: 0 }),
      instance(0, 'start'),
      pass(700),
      see({ endpoints: ['in', 'in'] }),
    ],
  },
]
