/** How a breaker that is open finds out that it need not be. */
import type { Case, Ending } from '../case.ts'
import { abort, answers, begin, call, calls, end, ok, pass, read, see, silent, times } from '../words.ts'

const once = { attempts: 1 } as const
const fault = answers('fault')
const isOpen: Ending = { verdict: 'refused', code: 'BREAKER_OPEN', attempts: 0, within: [0, 0] }

export const breakerProbe: readonly Case[] = [
  {
    name: 'after its time one probe goes through, alone, and its success closes it',
    policy: { retry: once, breaker: { consecutiveFailures: 2, openFor: 300 } },
    upstream: { does: [fault, fault, answers('ok', { afterMs: 400 }), ok] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      call(read(), isOpen),
      pass(310),
      begin('probe', read()),
      pass(20),
      see({ breakers: { '': 'probing' } }),
      calls(3, read(), isOpen),
      end('probe', { verdict: 'ok' }),
      calls(3, read(), { verdict: 'ok' }),
      see({ executions: 6, breakers: { '': 'closed' }, moves: ['breaker open', 'breaker probing', 'breaker closed'] }),
    ],
  },
  {
    name: 'of calls that come at once one is the probe',
    policy: { retry: once, breaker: { consecutiveFailures: 1, openFor: 100 } },
    upstream: { does: [fault, answers('ok', { afterMs: 50 })] },
    steps: [
      call(read(), { verdict: 'fault' }),
      pass(110),
      begin('all', read(), 5),
      end('all', { ok: 1, BREAKER_OPEN: 4 }),
      see({ executions: 2, breakers: { '': 'closed' } }),
    ],
  },
  {
    name: 'a probe that fails opens it for the whole time again',
    policy: { retry: once, breaker: { consecutiveFailures: 2, openFor: 300 } },
    upstream: { does: [fault, fault, fault, ok] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      pass(310),
      call(read(), { verdict: 'fault' }),
      call(read(), isOpen),
      pass(100),
      call(read(), isOpen),
      pass(220),
      call(read(), { verdict: 'ok' }),
      see({ executions: 4, moves: ['breaker open', 'breaker probing', 'breaker open', 'breaker probing', 'breaker closed'] }),
    ],
  },
  {
    name: 'a probe that is throttled opens it again',
    policy: { retry: once, breaker: { consecutiveFailures: 1, openFor: 100 } },
    upstream: { does: [fault, answers('throttled'), ok] },
    steps: [call(read(), { verdict: 'fault' }), pass(110), call(read(), { verdict: 'throttled' }), see({ breakers: { '': 'open' } })],
  },
  {
    name: 'a probe whose caller leaves gives its turn to the next call',
    policy: { retry: once, breaker: { consecutiveFailures: 1, openFor: 100 } },
    upstream: { does: [fault, silent, ok] },
    steps: [
      call(read(), { verdict: 'fault' }),
      pass(110),
      begin('probe', read()),
      pass(20),
      call(read(), isOpen),
      abort('probe'),
      end('probe', { verdict: 'cancelled' }),
      call(read(), { verdict: 'ok' }),
      see({ breakers: { '': 'closed' } }),
    ],
  },
  {
    name: 'a probe with a long body opens the door with its head',
    policy: { retry: once, breaker: { consecutiveFailures: 1, openFor: 100 } },
    upstream: { does: [fault, answers('ok', { pieces: 20, everyMs: 30 }), ok] },
    steps: [
      call(read(), { verdict: 'fault' }),
      pass(110),
      begin('probe', read()),
      pass(60),
      calls(3, read(), { verdict: 'ok' }),
      see({ breakers: { '': 'closed' } }),
      end('probe', { verdict: 'ok', pieces: 20 }),
    ],
  },
  {
    name: 'a probe that fails with a long body shuts the door with its head',
    policy: { retry: once, breaker: { consecutiveFailures: 1, openFor: 200 } },
    upstream: { does: [fault, answers('fault', { pieces: 20, everyMs: 30 }), ok] },
    steps: [
      call(read(), { verdict: 'fault' }),
      pass(210),
      begin('probe', read()),
      pass(60),
      see({ breakers: { '': 'open' } }),
      pass(200),
      call(read(), { verdict: 'ok' }),
      end('probe', { verdict: 'fault', pieces: 20 }),
      see({ breakers: { '': 'closed' } }),
    ],
  },
  {
    name: 'what was sent before it opened says nothing once it has closed again',
    policy: { retry: once, breaker: { consecutiveFailures: 2, openFor: 100 } },
    upstream: { does: [...times(3, answers('fault', { afterMs: 600 })), fault, fault, ok] },
    steps: [
      begin('slow', read(), 3),
      pass(50),
      calls(2, read(), { verdict: 'fault' }),
      pass(110),
      call(read(), { verdict: 'ok' }),
      end('slow', { fault: 3 }),
      call(read(), { verdict: 'ok' }),
      see({ breakers: { '': 'closed' }, moves: ['breaker open', 'breaker probing', 'breaker closed'] }),
    ],
  },
]
