/** How long a call may take, to its last byte, and whose time it is. */
import type { Case } from '../case.ts'
import { answer, answers, begin, call, cut, end, leave, noPause, ok, open, pass, read, see, silent } from '../words.ts'

export const deadline: readonly Case[] = [
  {
    name: 'a body slower than the deadline is broken off',
    policy: { timeout: 100 },
    upstream: { does: [answers('ok', { pieces: 50, everyMs: 20 })] },
    steps: [
      call(read(), { verdict: 'expired', gets: 'broken answer', answer: 'ok', code: 'EXPIRED', within: [100, 100] }),
      see({ executions: 1, attempts: { expired: 1 } }),
    ],
  },
  {
    name: 'a body that comes in time is whole',
    policy: { timeout: 2000 },
    upstream: { does: [answers('ok', { pieces: 5, everyMs: 20 })] },
    steps: [call(read(), { verdict: 'ok', pieces: 5, within: [80, 80] })],
  },
  {
    name: 'an answer that is slower than the deadline is not waited for',
    policy: { timeout: 80 },
    upstream: { does: [answers('ok', { afterMs: 2000 })] },
    steps: [call(read(), { verdict: 'expired', within: [80, 80] })],
  },
  {
    name: 'a server that keeps the time it was told, and says so just before our own clock does, is not blamed',
    policy: { timeout: 100 },
    upstream: { does: [answers('late', { afterMs: 97 })] },
    steps: [
      call(read(), { verdict: 'expired', code: 'EXPIRED', attempts: 1, within: [97, 100] }),
      see({ executions: 1, attempts: { expired: 1 } }),
    ],
  },
  {
    name: 'a server that breaks its answer off just before our own time is over is not blamed',
    policy: { timeout: 100 },
    upstream: { does: [cut('body', { pieces: 3, everyMs: 49 })] },
    steps: [
      call(read(), { verdict: 'expired', gets: 'broken answer', answer: 'ok', code: 'EXPIRED', within: [98, 100] }),
      see({ executions: 1, attempts: { expired: 1 } }),
    ],
  },
  {
    name: 'a server that is out of time while its caller is not has failed',
    policy: { timeout: 1000 },
    upstream: { does: [answers('late', { afterMs: 20 })] },
    steps: [call(read(), { verdict: 'fault', answer: 'late', within: [20, 20] }), see({ executions: 1, attempts: { fault: 1 } })],
  },
  {
    name: "a call's own time shortens the policy's",
    policy: { timeout: 5000 },
    upstream: { does: [silent] },
    steps: [call(read({ timeoutMs: 60 }), { verdict: 'expired', within: [60, 60] })],
  },
  {
    name: "a call's own time never lengthens the policy's",
    policy: { timeout: 60 },
    upstream: { does: [silent] },
    steps: [call(read({ timeoutMs: 5000 }), { verdict: 'expired', within: [60, 60] })],
  },
  {
    name: 'the service is told how long its caller will wait',
    policy: { timeout: 300 },
    upstream: {},
    steps: [call(read(), { verdict: 'ok' }), see({ timesTold: [[300, 300]] })],
  },
  {
    name: 'each attempt is told the time that is left by then',
    policy: { timeout: 2000, retry: noPause },
    upstream: { does: [answers('unavailable', { afterMs: 200 }), ok] },
    steps: [
      call(read(), { verdict: 'ok' }),
      see({
        timesTold: [
          [2000, 2000],
          [1800, 1800],
        ],
      }),
    ],
  },
  {
    name: 'an attempt with less time than its call is told that of its call, which is for the body as well',
    policy: { timeout: 5000, attemptTimeout: 300 },
    upstream: {},
    steps: [call(read(), { verdict: 'ok' }), see({ timesTold: [[5000, 5000]] })],
  },
  {
    name: 'the time for an attempt bounds its head and not its body',
    policy: { attemptTimeout: 400 },
    upstream: { does: [answers('ok', { pieces: 6, everyMs: 100 })] },
    steps: [call(read(), { verdict: 'ok', pieces: 6, within: [500, 500] })],
  },
  {
    name: 'the time for an attempt bounds its head and not its body, though the instance keeps the time that it was told',
    policy: { attemptTimeout: 400 },
    upstream: { meshed: true, does: [answers('ok', { pieces: 6, everyMs: 100 })] },
    steps: [call(read(), { verdict: 'ok', pieces: 6, within: [500, 500] })],
    not: { direct: 'its services are functions, without a mesh of their own' },
  },
  {
    name: 'a call inherits the time that the inbound request has left, and passes it on',
    policy: { timeout: 5000 },
    upstream: { does: [silent] },
    steps: [
      open('in', { leftMs: 300 }),
      pass(100),
      call(read({ under: 'in' }), { verdict: 'expired', within: [100, 200] }),
      see({ timesTold: [[200, 200]] }),
    ],
  },
  {
    name: 'the inbound request never lengthens the time of a call',
    policy: { timeout: 60 },
    upstream: { does: [silent] },
    steps: [open('in', { leftMs: 5000 }), call(read({ under: 'in' }), { verdict: 'expired', within: [60, 60] })],
  },
  {
    name: 'no call begins under an inbound request whose time is over',
    policy: {},
    upstream: {},
    steps: [
      open('in', { leftMs: 40 }),
      pass(80),
      call(read({ under: 'in' }), { verdict: 'expired', attempts: 0, within: [0, 0] }),
      see({ executions: 0 }),
    ],
  },
  {
    name: 'when the inbound caller hangs up its calls are cancelled, and none begins any more',
    policy: {},
    upstream: { does: [silent] },
    steps: [
      open('in'),
      begin('one', read({ under: 'in' }), 3),
      pass(40),
      see({ executions: 3 }),
      leave('in'),
      end('one', { verdict: 'cancelled', code: 'CANCELLED', within: [40, 40] }),
      call(read({ under: 'in' }), { verdict: 'cancelled', attempts: 0, within: [0, 0] }),
      see({ executions: 3 }),
    ],
  },
  {
    name: 'when the inbound caller hangs up a body under way is broken off',
    policy: {},
    upstream: { does: [answers('ok', { pieces: 100, everyMs: 20 })] },
    steps: [
      open('in'),
      begin('one', read({ under: 'in' })),
      pass(400),
      leave('in'),
      end('one', { verdict: 'cancelled', gets: 'broken answer', answer: 'ok', within: [400, 400] }),
    ],
  },
  {
    name: 'when the inbound caller hangs up no further attempt is made',
    policy: { retry: { attempts: 3, ...noPause } },
    upstream: { does: [answers('unavailable', { retryAfterMs: 2000 })] },
    steps: [
      open('in'),
      begin('one', read({ under: 'in' })),
      pass(60),
      leave('in'),
      end('one', { verdict: 'cancelled', within: [60, 60] }),
      see({ executions: 1 }),
    ],
  },
  {
    name: 'work that goes on after the answer has its own time and is not cancelled',
    policy: { timeout: 2000 },
    upstream: { does: [answers('ok', { afterMs: 250 })] },
    steps: [
      open('in', { leftMs: 200 }),
      answer('in'),
      call(read({ under: 'in' }), { verdict: 'ok', within: [250, 250] }),
      see({ timesTold: [[2000, 2000]] }),
    ],
  },
]
