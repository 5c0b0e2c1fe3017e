/** How calls stay in the caller's zone, and when they leave it. */
import type { Case } from '../case.ts'
import { act, answers, calls, noPause, ok, read, see } from '../words.ts'

const fault = answers('fault')
const eject = { consecutiveFailures: 1, ejectFor: '1m', maxEjected: 0.9, panic: 0 } as const

export const zones: readonly Case[] = [
  {
    name: 'calls stay in the zone of their caller',
    policy: {},
    upstream: { instances: 6, zones: ['a', 'b', 'c'], zone: 'b' },
    steps: [calls(40, read(), { verdict: 'ok' }), see({ executionsOn: [0, [8, 32], 0, 0, [8, 32], 0] })],
  },
  {
    name: 'few endpoints are used without regard to zones, and so are all where the policy says so or nobody said a zone',
    policy: { balance: 'round-robin' },
    upstream: { instances: 5, zones: ['a', 'b'], zone: 'a' },
    steps: [calls(20, read(), { verdict: 'ok' }), see({ executionsOn: [4, 4, 4, 4, 4] })],
  },
  {
    name: 'a policy turns zones off',
    policy: { balance: 'round-robin', zones: false },
    upstream: { instances: 6, zones: ['a', 'b'], zone: 'a' },
    steps: [calls(12, read(), { verdict: 'ok' }), see({ executionsOn: [2, 2, 2, 2, 2, 2] })],
  },
  {
    name: 'nobody stands in the zone of the caller: all are used',
    policy: { balance: 'round-robin', zones: { minEndpoints: 2 } },
    upstream: { instances: 2, zones: ['a', 'b'], zone: 'c' },
    steps: [calls(12, read(), { verdict: 'ok' }), see({ executionsOn: [6, 6] })],
  },
  {
    name: 'with half of the zone out, three of ten calls leave it',
    policy: { balance: 'round-robin', retry: noPause, outlier: { ...eject } },
    upstream: { instances: 8, zones: ['a', 'b'], zone: 'a', each: [[fault], [ok], [fault], [ok], [ok], [ok], [ok], [ok]] },
    // 300 draws at three tenths: 90, give or take four times 8; two calls find the ones that fail.
    steps: [
      calls(302, act(), { ok: 300, fault: 2 }),
      see({ executionsOn: [1, [8, 45], 1, [8, 45], [70, 150], [8, 45], [70, 150], [8, 45]] }),
    ],
  },
  {
    name: 'a call leaves a zone whose only endpoint has failed it',
    policy: { retry: { attempts: 2, ...noPause }, zones: { minEndpoints: 2 } },
    upstream: { instances: 3, zones: ['a', 'b', 'b'], zone: 'a', each: [[answers('unavailable')], [ok], [ok]] },
    steps: [calls(10, read(), { verdict: 'ok' }), see({ executionsOn: [10, [0, 10], [0, 10]], executions: 20 })],
  },
  {
    name: 'a zone that is dead loses its calls to the others, and no call is lost',
    policy: { retry: noPause, zones: { minEndpoints: 3 } },
    upstream: { instances: 3, zones: ['a', 'b', 'b'], zone: 'a', down: [0] },
    steps: [calls(40, act(), { verdict: 'ok' }), see({ executionsOn: [0, [8, 32], [8, 32]], retries: [3, 5] })],
  },
]
