/** When a breaker opens, and what it refuses. */
import type { Behaviour, CallSpec, Case, Ending } from '../case.ts'
import { abort, answers, begin, call, calls, cut, end, noPause, ok, open, pass, read, refuses, see, silent, times } from '../words.ts'

const once = { attempts: 1 } as const
const fault = answers('fault')
const isOpen: Ending = { verdict: 'refused', code: 'BREAKER_OPEN', attempts: 0, within: [0, 0] }

const evidence: readonly { name: string; does: Behaviour; spec: CallSpec; ending: Ending; executions: number }[] = [
  { name: 'unavailable', does: answers('unavailable'), spec: read(), ending: { verdict: 'unavailable' }, executions: 2 },
  { name: 'fault', does: fault, spec: read(), ending: { verdict: 'fault' }, executions: 2 },
  { name: 'late', does: silent, spec: read(), ending: { verdict: 'late' }, executions: 2 },
  {
    name: 'expired',
    does: answers('ok', { pieces: 2, everyMs: 5000 }),
    spec: read(),
    ending: { verdict: 'expired', gets: 'broken answer' },
    executions: 2,
  },
  {
    name: 'unreached',
    does: refuses,
    spec: read(),
    ending: { verdict: 'unreached', gets: 'answer', answer: 'unavailable' },
    executions: 0,
  },
  { name: 'broken', does: cut('head'), spec: read(), ending: { verdict: 'broken' }, executions: 2 },
  { name: 'broken within the body', does: cut('body'), spec: read(), ending: { verdict: 'broken', gets: 'broken answer' }, executions: 2 },
]

export const breaker: readonly Case[] = [
  ...evidence.map(
    ({ name, does, spec, ending, executions }): Case => ({
      name: `failures in a row open it: ${name}`,
      policy: { timeout: 450, retry: once, attemptTimeout: 300, breaker: { consecutiveFailures: 2, openFor: '1m' } },
      upstream: { does: [does], freshConnections: true },
      steps: [calls(2, spec, ending), calls(3, read(), isOpen), see({ executions, breakers: { '': 'open' }, moves: ['breaker open'] })],
    }),
  ),
  {
    name: 'one failure fewer does not open it, and a success begins the count anew',
    policy: { retry: once, breaker: { consecutiveFailures: 3 } },
    upstream: { does: [fault, fault, ok, fault, fault, ok] },
    steps: [calls(6, read(), { fault: 4, ok: 2 }), see({ executions: 6, breakers: { '': 'closed' }, moves: [] })],
  },
  {
    name: "the caller's own fault is a success of the server",
    policy: { retry: once, breaker: { consecutiveFailures: 3 } },
    upstream: { does: [fault, fault, answers('rejected'), fault, fault] },
    steps: [calls(5, read(), { fault: 4, rejected: 1 }), see({ breakers: { '': 'closed' } })],
  },
  {
    name: 'a service that wants less neither continues nor ends a row of failures',
    policy: { retry: once, breaker: { consecutiveFailures: 3 } },
    upstream: { does: [fault, fault, ...times(5, answers('throttled')), fault] },
    steps: [
      calls(7, read(), { fault: 2, throttled: 5 }),
      see({ breakers: { '': 'closed' } }),
      calls(2, read(), { fault: 1, BREAKER_OPEN: 1 }),
    ],
  },
  {
    name: 'a caller that leaves counts for nobody',
    policy: { retry: once, breaker: { consecutiveFailures: 2 } },
    upstream: { does: [fault, silent, silent, silent, fault] },
    steps: [
      call(read(), { verdict: 'fault' }),
      begin('left', read(), 3),
      pass(20),
      abort('left'),
      end('left', { cancelled: 3 }),
      see({ breakers: { '': 'closed' } }),
      calls(2, read(), { fault: 1, BREAKER_OPEN: 1 }),
    ],
  },
  {
    name: 'a caller in more of a hurry than the policy opens nothing with what it did not wait for',
    policy: {
      timeout: 2000,
      retry: once,
      breaker: { consecutiveFailures: 1 },
      outlier: { consecutiveFailures: 1, maxEjected: 1, panic: 0 },
    },
    upstream: { does: [silent, silent, silent, silent, ok] },
    steps: [
      calls(2, read({ timeoutMs: 40 }), { verdict: 'expired' }),
      open('in', { leftMs: 60 }),
      begin('inherits', read({ under: 'in' }), 2),
      end('inherits', { expired: 2 }),
      call(read(), { verdict: 'ok' }),
      see({ breakers: { '': 'closed' }, endpoints: ['in'], moves: [] }),
    ],
  },
  {
    name: 'whole calls are counted, not attempts',
    policy: { retry: { attempts: 3, ...noPause }, breaker: { consecutiveFailures: 2 } },
    upstream: { does: Array.from({ length: 4 }, () => [answers('unavailable'), answers('unavailable'), ok]).flat() },
    steps: [calls(4, read(), { verdict: 'ok' }), see({ executions: 12, moves: [] })],
  },
  {
    name: 'too small a share of successes opens it',
    policy: { retry: once, breaker: { consecutiveFailures: 0, successRate: { below: 0.5, minCalls: 10, window: '1m' } } },
    upstream: { does: [...times(4, ok), ...times(5, fault), answers('throttled'), ok] },
    steps: [
      calls(9, read(), { ok: 4, fault: 5 }),
      see({ breakers: { '': 'closed' } }),
      call(read(), { verdict: 'throttled' }),
      call(read(), isOpen),
      see({ executions: 10, moves: ['breaker open'] }),
    ],
  },
  {
    name: 'a share of successes that is just enough does not',
    policy: { retry: once, breaker: { consecutiveFailures: 0, successRate: { below: 0.5, minCalls: 10, window: '1m' } } },
    upstream: { does: [...times(5, ok), ...times(5, fault), ok] },
    steps: [calls(11, read(), { ok: 6, fault: 5 }), see({ moves: [] })],
  },
  {
    name: 'what is older than the window does not count',
    policy: { retry: once, breaker: { consecutiveFailures: 0, successRate: { below: 0.5, minCalls: 5, window: 500 } } },
    upstream: { does: [...times(4, fault), fault, ...times(3, ok), ...times(4, fault)] },
    steps: [calls(4, read(), { verdict: 'fault' }), pass(600), calls(4, read(), { fault: 1, ok: 3 }), see({ breakers: { '': 'closed' } })],
  },
  {
    name: 'a version that fails does not close the door on another',
    policy: {
      retry: once,
      breaker: { consecutiveFailures: 3, openFor: '1m' },
      versions: { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } } },
      to: [{ version: 'v1' }, { version: 'v2' }],
    },
    upstream: { instances: 2, versions: ['v1', 'v2'], each: [[ok], [fault]] },
    steps: [
      // 3 of 60 draws at one half: sure, but for once in 10^14.
      calls(60, read(), { fault: 3, ok: [10, 50], BREAKER_OPEN: [7, 47] }),
      see({ executionsOn: [[10, 50], 3], breakers: { v1: 'closed', v2: 'open' }, moves: ['breaker v2 open'] }),
    ],
  },
  {
    name: 'by default ten failures in a row open it for thirty seconds',
    policy: { retry: once, breaker: {} },
    upstream: { does: [...times(10, fault), ok] },
    steps: [
      calls(9, read(), { verdict: 'fault' }),
      see({ breakers: { '': 'closed' } }),
      call(read(), { verdict: 'fault' }),
      call(read(), isOpen),
      pass(29_990),
      call(read(), isOpen),
      pass(10),
      call(read(), { verdict: 'ok' }),
      see({ executions: 11, breakers: { '': 'closed' } }),
    ],
    not: { sockets: 'it would take thirty seconds' },
  },
  {
    name: 'an open breaker spends no budget',
    policy: {
      retry: { attempts: 2, ...noPause, budget: { ratio: 0, minPerSecond: 0.5 } },
      breaker: { consecutiveFailures: 1, openFor: '1m' },
    },
    upstream: { does: [answers('unavailable')] },
    steps: [call(read(), { verdict: 'unavailable' }), calls(5, read(), isOpen), see({ executions: 2, retriesLeft: 4, retries: 1 })],
  },
]
