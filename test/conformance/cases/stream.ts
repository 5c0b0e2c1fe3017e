/** Calls that are streams: bounded by silence and by length. */
import type { Case } from '../case.ts'
import { abort, answers, begin, call, end, pass, read, see, silent } from '../words.ts'

export const stream: readonly Case[] = [
  {
    name: 'a stream lives as long as it speaks',
    policy: { stream: { idle: 500 } },
    upstream: { does: [answers('ok', { pieces: 10, everyMs: 100 })] },
    steps: [call(read(), { verdict: 'ok', pieces: 10, within: [900, 900] }), see({ timesTold: [[-1, -1]] })],
  },
  {
    name: 'a stream that falls silent is late, and broken off',
    policy: { stream: { idle: 80 } },
    upstream: { does: [answers('ok', { pieces: 2, everyMs: 2000 })] },
    steps: [
      call(read(), { verdict: 'late', gets: 'broken answer', answer: 'ok', code: 'LATE', pieces: 1, within: [80, 80] }),
      see({ attempts: { late: 1 } }),
    ],
  },
  {
    name: 'a stream that never speaks is late',
    policy: { stream: { idle: 80 }, retry: { attempts: 1 } },
    upstream: { does: [silent] },
    steps: [call(read(), { verdict: 'late', within: [80, 80] })],
  },
  {
    name: 'a stream that is too long has expired',
    policy: { stream: { idle: 200, total: 300 } },
    upstream: { does: [answers('ok', { pieces: 50, everyMs: 40 })] },
    steps: [call(read(), { verdict: 'expired', gets: 'broken answer', answer: 'ok', within: [300, 300] })],
  },
  {
    name: 'the length of a stream bounds its waiting as well, and its service is told',
    policy: { stream: { idle: 200, total: 300 }, limit: { outbound: { inFlight: 1, queue: 1 } } },
    not: { sockets: 'the second begins a little later than the first there, and so has its place for as long' },
    upstream: { does: [answers('ok', { pieces: 50, everyMs: 40 })] },
    steps: [
      begin('first', read()),
      begin('second', read()),
      end('first', { verdict: 'expired', gets: 'broken answer', within: [300, 300] }),
      end('second', { verdict: 'expired', attempts: 0, within: [300, 300] }),
      see({ executions: 1, timesTold: [[300, 300]] }),
    ],
  },
  {
    name: 'a stream whose reader leaves is cancelled',
    policy: { stream: {} },
    upstream: { does: [answers('ok', { pieces: 50, everyMs: 30 })] },
    steps: [begin('one', read()), pass(100), abort('one'), end('one', { verdict: 'cancelled', gets: 'broken answer', within: [100, 100] })],
  },
]
