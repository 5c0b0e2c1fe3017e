/** How endpoints and versions share the calls. */
import type { Case } from '../case.ts'
import { answers, begin, calls, end, noPause, ok, read, see } from '../words.ts'

const versions = { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } } } as const

export const balance: readonly Case[] = [
  {
    name: 'round robin gives each endpoint the same',
    policy: { balance: 'round-robin' },
    upstream: { instances: 3 },
    steps: [calls(30, read(), { verdict: 'ok' }), see({ executionsOn: [10, 10, 10] })],
  },
  {
    name: 'least loaded keeps away from an endpoint that is busy',
    policy: { balance: 'least-loaded' },
    upstream: { instances: 2, each: [[answers('ok', { afterMs: 2500 })], [ok]] },
    steps: [
      // As soon as one call is at the slow one, every pick that sees both goes to the other; one in 128 sees only one.
      begin('all', read(), 2),
      calls(30, read({ timeoutMs: 300 }), { ok: [27, 30] }),
      end('all', { ok: 2 }),
      see({
        executionsOn: [
          [1, 4],
          [28, 31],
        ],
      }),
    ],
  },
  {
    name: 'least loaded spreads what comes at once',
    policy: { balance: 'least-loaded' },
    upstream: { instances: 4, does: [answers('ok', { afterMs: 100 })] },
    steps: [
      begin('all', read(), 40),
      end('all', { ok: 40 }),
      see({
        executionsOn: [
          [6, 14],
          [6, 14],
          [6, 14],
          [6, 14],
        ],
      }),
    ],
  },
  {
    name: 'versions share the calls by weight',
    policy: {
      versions,
      to: [
        { version: 'v1', weight: 90 },
        { version: 'v2', weight: 10 },
      ],
    },
    upstream: { instances: 2, versions: ['v1', 'v2'] },
    // 300 draws at one tenth: 30, give or take four times 5.2.
    steps: [
      calls(300, read(), { verdict: 'ok' }),
      see({
        executionsOn: [
          [249, 291],
          [9, 51],
        ],
      }),
    ],
  },
  {
    name: 'a version of weight 0 gets nothing',
    policy: {
      versions,
      to: [
        { version: 'v1', weight: 1 },
        { version: 'v2', weight: 0 },
      ],
    },
    upstream: { instances: 2, versions: ['v1', 'v2'] },
    steps: [calls(40, read(), { verdict: 'ok' }), see({ executionsOn: [40, 0] })],
  },
  {
    name: 'every attempt of a call goes to the version that was drawn for it',
    policy: { retry: { attempts: 4, ...noPause }, versions, to: [{ version: 'v1' }] },
    upstream: { instances: 4, versions: ['v1', 'v2'], each: [[answers('unavailable')], [ok], [answers('unavailable')], [ok]] },
    steps: [calls(3, read(), { verdict: 'unavailable' }), see({ executions: 12, executionsOn: [[3, 9], 0, [3, 9], 0] })],
  },
  {
    name: 'a version without endpoints is refused its share, and nobody else gets it',
    policy: {
      versions,
      to: [
        { version: 'v1', weight: 1 },
        { version: 'v2', weight: 1 },
      ],
    },
    upstream: { instances: 1, versions: ['v1'] },
    // 60 draws at one half: 30, give or take four times 3.9.
    steps: [calls(60, read(), { ok: [14, 46], NO_ENDPOINT: [14, 46] })],
  },
]
