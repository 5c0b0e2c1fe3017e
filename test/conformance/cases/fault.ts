/** Faults that a policy injects, and what a status means under a policy. */
import type { Case } from '../case.ts'
import { answers, call, calls, noPause, ok, read, see } from '../words.ts'

export const fault: readonly Case[] = [
  {
    name: 'an injected answer is believed by retries, and the service never sees the call',
    policy: { retry: { attempts: 3, ...noPause }, fault: { outbound: { abort: { status: 503 } } } },
    upstream: {},
    steps: [call(read(), { verdict: 'unavailable', pieces: 0 }), see({ arrivals: 0, attempts: { unavailable: 3 } })],
  },
  {
    name: 'an injected answer is believed by breakers',
    policy: { retry: { attempts: 1 }, breaker: { consecutiveFailures: 2 }, fault: { outbound: { abort: { status: 500 } } } },
    upstream: {},
    steps: [calls(2, read(), { verdict: 'fault' }), call(read(), { verdict: 'refused', code: 'BREAKER_OPEN' }), see({ arrivals: 0 })],
  },
  {
    name: 'an injected delay is waited for',
    policy: { fault: { outbound: { delay: { for: 80 } } } },
    upstream: {},
    steps: [call(read(), { verdict: 'ok', within: [80, 80] }), see({ executions: 1 })],
  },
  {
    name: 'an injected delay is believed by the time for an attempt',
    policy: { attemptTimeout: 50, retry: { attempts: 1 }, fault: { outbound: { delay: { for: 500 } } } },
    upstream: {},
    steps: [call(read(), { verdict: 'late', within: [50, 50] }), see({ arrivals: 0 })],
  },
  {
    name: 'an injected delay is believed by the deadline',
    policy: { timeout: 70, fault: { outbound: { delay: { for: 500 } } } },
    upstream: {},
    steps: [call(read(), { verdict: 'expired', within: [70, 70] }), see({ arrivals: 0 })],
  },
  {
    name: 'who was given up during an injected delay gets no injected answer',
    policy: { attemptTimeout: 50, retry: { attempts: 1 }, fault: { outbound: { delay: { for: 500 }, abort: { status: 500 } } } },
    upstream: {},
    steps: [call(read(), { verdict: 'late', within: [50, 50] }), see({ arrivals: 0, attempts: { late: 1 } })],
  },
  {
    name: 'a ratio of calls gets the fault',
    policy: { retry: { attempts: 1 }, fault: { outbound: { abort: { status: 500, ratio: 0.3 } } } },
    upstream: {},
    // 200 draws at 0.3: 60, give or take four times 6.5.
    steps: [calls(200, read(), { fault: [34, 86], ok: [114, 166] })],
  },
]

const ofHttp = { grpc: 'gRPC has no such status' } as const
const ofGrpc = { http: 'HTTP has no such status' } as const

/** What a status means by itself and under a policy, which names statuses as HTTP has them, or as gRPC has. */
export const codes: readonly Case[] = [
  {
    name: 'by default a bad gateway is a fault, and not tried again',
    policy: { retry: noPause },
    upstream: { does: [answers('ok', { status: '502' }), ok] },
    steps: [call(read(), { verdict: 'fault', status: '502' }), see({ executions: 1, attempts: { fault: 1 } })],
    not: ofHttp,
  },
  {
    name: 'a policy that says that a fault is unavailable has it tried again',
    policy: { retry: noPause, codes: { '500': 'unavailable' } },
    upstream: { does: [answers('fault'), ok] },
    steps: [call(read(), { verdict: 'ok' }), see({ executions: 2, attempts: { unavailable: 1, ok: 1 } })],
  },
  {
    name: 'a policy that says that a fault of the server is the fault of the caller spares the breaker',
    policy: { retry: noPause, codes: { '500': 'rejected' }, breaker: { consecutiveFailures: 2 } },
    upstream: { does: [answers('fault')] },
    steps: [calls(5, read(), { verdict: 'rejected', answer: 'fault' }), see({ executions: 5, moves: [], attempts: { rejected: 5 } })],
  },
  {
    name: 'a policy may not believe that something is missing',
    policy: { retry: noPause, codes: { '404': 'unavailable' } },
    upstream: { does: [answers('missing')] },
    steps: [call(read(), { verdict: 'unavailable', answer: 'missing' }), see({ executions: 3 })],
  },
  {
    name: 'a policy that names a status of gRPC means that one alone',
    policy: { retry: noPause, codes: { '500': 'rejected', DATA_LOSS: 'unavailable' } },
    upstream: { does: [answers('fault', { status: 'DATA_LOSS' }), answers('fault')] },
    steps: [call(read(), { verdict: 'rejected', answer: 'fault' }), see({ attempts: { unavailable: 1, rejected: 1 } })],
    not: ofGrpc,
  },
  ...(
    [
      ['204', 'ok', ofHttp],
      ['304', 'ok', ofHttp],
      ['404', 'rejected', ofHttp],
      ['408', 'rejected', ofHttp],
      ['501', 'fault', ofHttp],
      ['504', 'fault', ofHttp],
      ['CANCELLED', 'rejected', ofGrpc],
      ['UNKNOWN', 'fault', ofGrpc],
      ['DEADLINE_EXCEEDED', 'fault', ofGrpc],
      ['NOT_FOUND', 'rejected', ofGrpc],
      ['ALREADY_EXISTS', 'rejected', ofGrpc],
      ['PERMISSION_DENIED', 'rejected', ofGrpc],
      ['FAILED_PRECONDITION', 'rejected', ofGrpc],
      ['ABORTED', 'rejected', ofGrpc],
      ['OUT_OF_RANGE', 'rejected', ofGrpc],
      ['UNIMPLEMENTED', 'rejected', ofGrpc],
      ['DATA_LOSS', 'fault', ofGrpc],
      ['UNAUTHENTICATED', 'rejected', ofGrpc],
    ] as const
  ).map(
    ([status, verdict, not]): Case => ({
      name: `a ${status} is ${verdict}`,
      policy: { retry: { attempts: 1 } },
      upstream: { does: [answers('ok', { status, pieces: verdict === 'ok' ? 0 : 1 })] },
      steps: [call(read(), { verdict, status }), see({ attempts: { [verdict]: 1 } })],
      not,
    }),
  ),
]
