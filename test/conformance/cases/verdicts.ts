/** Every verdict: what brings it about, and what the caller gets. */
import type { Case } from '../case.ts'
import { abort, act, answers, begin, call, close, cut, end, noPause, ok, pass, read, refuses, see, silent } from '../words.ts'

const noRetry = { retry: { attempts: 1 } } as const
const inMemory = 'memory has no connections that the end of the mesh could close'
const noHead = 'an answer is a value in memory, which has no half of a head'

export const verdicts: readonly Case[] = [
  {
    name: 'an answer is ok',
    policy: {},
    upstream: {},
    steps: [call(read(), { verdict: 'ok', pieces: 1 }), see({ executions: 1, attempts: { ok: 1 } })],
  },
  {
    name: 'the fault of the caller is rejected and not tried again',
    policy: {},
    upstream: { does: [answers('rejected'), ok] },
    steps: [call(read(), { verdict: 'rejected' }), see({ executions: 1, attempts: { rejected: 1 } })],
  },
  {
    name: 'a service that wants less throttles',
    policy: noRetry,
    upstream: { does: [answers('throttled')] },
    steps: [call(read(), { verdict: 'throttled' }), see({ attempts: { throttled: 1 } })],
  },
  {
    name: 'a service that sends callers elsewhere is unavailable, and its answer is handed up',
    policy: noRetry,
    upstream: { does: [answers('unavailable')] },
    steps: [call(read(), { verdict: 'unavailable', pieces: 1 }), see({ attempts: { unavailable: 1 } })],
  },
  {
    name: 'the fault of the server is a fault',
    policy: noRetry,
    upstream: { does: [answers('fault')] },
    steps: [call(read(), { verdict: 'fault' }), see({ attempts: { fault: 1 } })],
  },
  {
    name: 'a call that no endpoint may take is refused without an attempt',
    policy: { versions: { v2: { labels: { version: 'v2' } } }, to: [{ version: 'v2' }] },
    upstream: { versions: ['v1'] },
    steps: [call(read(), { verdict: 'refused', code: 'NO_ENDPOINT', attempts: 1 }), see({ executions: 0, attempts: {} })],
  },
  {
    name: 'an attempt beyond its time is late',
    policy: { attemptTimeout: 40, retry: { attempts: 1 } },
    upstream: { does: [silent] },
    steps: [call(read(), { verdict: 'late', code: 'LATE', attempts: 1, within: [40, 40] }), see({ executions: 1, attempts: { late: 1 } })],
  },
  {
    name: 'a call beyond its time has expired',
    policy: { timeout: 50 },
    upstream: { does: [silent] },
    steps: [call(read(), { verdict: 'expired', code: 'EXPIRED', attempts: 1, within: [50, 50] }), see({ attempts: { expired: 1 } })],
  },
  {
    name: 'where nobody listens the handler was unreached',
    policy: noRetry,
    upstream: { down: [0] },
    steps: [call(act(), { verdict: 'unreached', code: 'UNREACHED', attempts: 1 }), see({ executions: 0, attempts: { unreached: 1 } })],
  },
  {
    name: 'a call that the mesh on the other side refused was unreached, and its caller gets the answer without the word of the mesh',
    policy: noRetry,
    upstream: { does: [refuses] },
    steps: [
      call(act(), { verdict: 'unreached', gets: 'answer', answer: 'unavailable' }),
      see({ executions: 0, arrivals: 1, attempts: { unreached: 1 } }),
    ],
  },
  {
    name: 'a connection that is lost before the head is broken',
    policy: noRetry,
    upstream: { does: [cut('head')], freshConnections: true },
    steps: [call(read(), { verdict: 'broken', code: 'BROKEN', attempts: 1 }), see({ executions: 1, attempts: { broken: 1 } })],
  },
  {
    name: 'a connection that is lost within the head is broken',
    policy: noRetry,
    upstream: { does: [cut('mid-head')] },
    steps: [call(read(), { verdict: 'broken', attempts: 1 }), see({ executions: 1, attempts: { broken: 1 } })],
    not: { direct: noHead },
  },
  {
    name: 'a connection that is lost within the body breaks the answer off, and counts as broken',
    policy: {},
    upstream: { does: [cut('body', { pieces: 3 }), ok] },
    steps: [
      call(read(), { verdict: 'broken', gets: 'broken answer', answer: 'ok', code: 'BROKEN' }),
      see({ executions: 1, attempts: { broken: 1 } }),
    ],
  },
  {
    name: 'a caller that leaves while it waits for the head has cancelled, and the service is told',
    policy: {},
    upstream: { does: [silent] },
    steps: [
      begin('one', read()),
      pass(30),
      see({ executions: 1, inFlight: 1 }),
      abort('one'),
      end('one', { verdict: 'cancelled', gets: 'error', within: [30, 30] }),
      see({ attempts: { cancelled: 1 }, inFlight: 0 }),
    ],
  },
  {
    name: 'a caller that leaves within the body has cancelled',
    policy: {},
    upstream: { does: [answers('ok', { pieces: 100, everyMs: 20 })] },
    steps: [
      begin('one', read()),
      pass(50),
      abort('one'),
      end('one', { verdict: 'cancelled', gets: 'broken answer', answer: 'ok', within: [50, 50] }),
      see({ attempts: { cancelled: 1 }, inFlight: 0 }),
    ],
  },
  {
    name: 'a caller that leaves again, or too late, changes nothing',
    policy: {},
    upstream: {},
    steps: [begin('one', read()), end('one', { verdict: 'ok' }), abort('one'), abort('one'), see({ attempts: { ok: 1 } })],
  },
  {
    name: 'the end of the mesh ends what is under way, and nothing is sent again',
    policy: { retry: noPause },
    upstream: { does: [silent] },
    steps: [
      begin('one', read()),
      begin('two', act()),
      pass(20),
      close,
      end('one', { verdict: 'refused', code: 'MESH_CLOSED', attempts: 2, within: [20, 20] }),
      end('two', { verdict: 'broken', attempts: 1, within: [20, 20] }),
      see({ executions: 2 }),
    ],
    not: { direct: inMemory },
  },
  {
    name: 'a closed mesh takes no call',
    policy: {},
    upstream: {},
    steps: [call(read(), { verdict: 'ok' }), close, call(read(), { verdict: 'refused', code: 'MESH_CLOSED' }), see({ executions: 1 })],
  },
]
