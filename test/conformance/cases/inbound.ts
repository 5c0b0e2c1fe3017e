/** What instances refuse above their handler, and what that means to their callers. */
import type { Case } from '../case.ts'
import { act, answer, answers, begin, call, calls, end, noPause, ok, open, pass, read, refuses, see } from '../words.ts'

const noServer = { direct: 'its services are functions, without a mesh of their own' } as const
const slow = answers('ok', { afterMs: 600 })
const elsewhere = { verdict: 'unreached', gets: 'answer' } as const

export const inbound: readonly Case[] = [
  {
    name: 'what an instance is too full for goes to another one, even a call that may not be repeated',
    policy: { balance: 'round-robin', retry: noPause, limit: { inbound: { inFlight: 1 } } },
    upstream: { instances: 2, meshed: true, does: [slow, ok] },
    steps: [
      begin('first', act()),
      pass(50),
      see({ executions: 1 }),
      calls(4, act(), { verdict: 'ok' }),
      end('first', { verdict: 'ok' }),
      // Of the four, one at least meets the busy instance first.
      see({ executionsSorted: [1, 4], retries: [1, 4] }),
    ],
    not: noServer,
  },
  {
    name: 'where every instance is full the refusal is handed up, without the word of the mesh',
    policy: { retry: { attempts: 3, ...noPause }, limit: { inbound: { inFlight: 1 } } },
    upstream: { meshed: true, does: [slow] },
    steps: [
      begin('first', act()),
      pass(50),
      call(act(), { ...elsewhere, answer: 'full' }),
      end('first', { verdict: 'ok' }),
      see({ executions: 1, attempts: { ok: 1, unreached: 3 } }),
    ],
    not: noServer,
  },
  {
    name: 'the line before an instance protects its handler',
    policy: { retry: { attempts: 1 }, limit: { inbound: { inFlight: 1, queue: 1, queueFor: 1000 } } },
    upstream: { meshed: true, does: [answers('ok', { afterMs: 200 })] },
    steps: [
      begin('both', act(), 2),
      pass(40),
      call(act(), { ...elsewhere, answer: 'full' }),
      end('both', { verdict: 'ok' }),
      see({ executions: 2, gaps: [[200, 200]] }),
    ],
    not: noServer,
  },
  {
    name: 'who has waited in the line of an instance goes elsewhere',
    policy: { retry: { attempts: 1 }, limit: { inbound: { inFlight: 1, queue: 1, queueFor: 60 } } },
    upstream: { meshed: true, does: [slow] },
    steps: [
      begin('first', act()),
      pass(30),
      call(act(), { ...elsewhere, answer: 'full', within: [60, 60] }),
      end('first', { verdict: 'ok' }),
      see({ executions: 1 }),
    ],
    not: noServer,
  },
  {
    name: 'what goes beyond the rate of an instance has not reached its handler',
    policy: { retry: { attempts: 1 }, rateLimit: { inbound: { perSecond: 0.01, burst: 2 } } },
    upstream: { meshed: true },
    steps: [calls(2, act(), { verdict: 'ok' }), call(act(), { ...elsewhere, answer: 'throttled' }), see({ executions: 2 })],
    not: noServer,
  },
  {
    name: 'an instance that asks for more time than the call has is not asked again',
    policy: { timeout: 3000, retry: { attempts: 3, ...noPause }, rateLimit: { inbound: { perSecond: 0.01, burst: 1 } } },
    upstream: { meshed: true },
    steps: [
      call(act(), { verdict: 'ok' }),
      call(act(), { ...elsewhere, answer: 'throttled', within: [0, 100] }),
      see({ executions: 1, retries: 0 }),
    ],
    not: noServer,
  },
  {
    name: 'a fault that is injected on the other side passes for an answer of the service',
    policy: { retry: noPause, fault: { inbound: { abort: { status: 503 } } } },
    upstream: { meshed: true },
    steps: [
      call(act(), { verdict: 'unavailable' }),
      call(read(), { verdict: 'unavailable' }),
      see({ executions: 0, attempts: { unavailable: 4 } }),
    ],
    not: noServer,
  },
  {
    name: 'a program that passes on what it got does not pass on the word of the mesh',
    policy: { retry: { attempts: 1 } },
    upstream: { does: [refuses] },
    steps: [
      open('in'),
      begin('one', act({ under: 'in' })),
      end('one', { ...elsewhere, answer: 'unavailable' }),
      answer('in', 'one'),
      see({ arrivals: 1, executions: 0 }),
    ],
  },
]
