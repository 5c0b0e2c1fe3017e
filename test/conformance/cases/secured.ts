/** Calls over mutual TLS: the same as in plaintext, and only between those who are whom they say. */
import type { Case } from '../case.ts'
import { abort, act, answers, begin, call, calls, end, noPause, ok, pass, read, replace, see } from '../words.ts'
import { inbound } from './inbound.ts'

const inMemory = { direct: 'memory has no connections that could be secured' } as const
const both = { caller: 'caller', instances: 'shop' } as const
const once = { retry: { attempts: 1 } } as const

function overMtls(one: Case): Case {
  const { name, policy, upstream, not } = one
  return {
    ...one,
    name: `over mutual TLS: ${name}`,
    policy: { ...policy, access: { mtls: 'strict' } },
    upstream: { ...upstream, identities: both },
    not: { ...not, ...inMemory },
  }
}

// With times that a handshake on a busy machine does not use up.
const core: readonly Case[] = [
  {
    name: 'a call with a body is answered',
    policy: {},
    upstream: {},
    steps: [call(replace(), { verdict: 'ok', pieces: 1 }), see({ executions: 1, attempts: { ok: 1 } })],
  },
  {
    name: 'a short stream is sent again, to another instance',
    policy: { retry: { attempts: 2, ...noPause } },
    upstream: { instances: 2, does: [answers('unavailable'), ok] },
    steps: [call(replace({ body: 'stream' }), { verdict: 'ok' }), see({ executions: 2, attemptsTold: [1, 2], allElsewhere: true })],
  },
  {
    name: 'a stream too long to be kept is sent once',
    policy: { retry: { attempts: 2, ...noPause } },
    upstream: { does: [answers('unavailable'), ok] },
    steps: [call(replace({ body: 'long-stream' }), { verdict: 'unavailable' }), see({ executions: 1 })],
  },
  {
    name: 'each attempt is told the time that is left by then',
    policy: { timeout: 3000, retry: noPause },
    upstream: { does: [answers('unavailable', { afterMs: 200 }), ok] },
    steps: [
      call(read(), { verdict: 'ok' }),
      see({
        timesTold: [
          [3000, 3000],
          [2800, 2800],
        ],
      }),
    ],
  },
  {
    name: 'a body slower than the deadline is broken off',
    policy: { timeout: 1000 },
    upstream: { does: [answers('ok', { pieces: 500, everyMs: 20 })] },
    steps: [call(read(), { verdict: 'expired', gets: 'broken answer', answer: 'ok', code: 'EXPIRED', within: [1000, 1000] })],
  },
  {
    name: 'a caller that leaves within the body has cancelled, and gives its place back',
    policy: { limit: { outbound: { inFlight: 1 } } },
    upstream: { does: [answers('ok', { pieces: 500, everyMs: 20 }), ok] },
    steps: [
      begin('one', read()),
      pass(1000),
      abort('one'),
      end('one', { verdict: 'cancelled', gets: 'broken answer', within: [1000, 1000] }),
      call(read(), { verdict: 'ok' }),
      see({ attempts: { cancelled: 1, ok: 1 }, inFlight: 0 }),
    ],
  },
  {
    name: 'failures in a row open the breaker',
    policy: { ...once, breaker: { consecutiveFailures: 2, openFor: '1m' } },
    upstream: { does: [answers('fault')] },
    steps: [
      calls(2, read(), { verdict: 'fault' }),
      call(read(), { verdict: 'refused', code: 'BREAKER_OPEN' }),
      see({ executions: 2, breakers: { '': 'open' } }),
    ],
  },
]

export const secured: readonly Case[] = [
  ...inbound.filter(({ upstream }) => upstream.meshed).map(overMtls),
  ...core.map(overMtls),
  {
    name: 'a caller is known by its certificate',
    policy: { access: { mtls: 'strict', allow: [{ from: ['caller'] }] } },
    upstream: { identities: both },
    steps: [calls(3, act(), { verdict: 'ok' }), see({ executions: 3 })],
    not: inMemory,
  },
  {
    name: 'a caller that may not call is rejected above the handler, and not sent elsewhere',
    policy: { access: { mtls: 'strict', allow: [{ from: ['cart'] }] }, retry: noPause },
    upstream: { instances: 2, identities: both },
    steps: [call(read(), { verdict: 'rejected', answer: 'forbidden' }), see({ arrivals: 0, attempts: { rejected: 1 } })],
    not: inMemory,
  },
  {
    name: 'who proves to be another service than the one that is called gets no byte of the call',
    policy: once,
    upstream: { identities: { caller: 'caller', instances: 'cart' } },
    steps: [call(act(), { verdict: 'unreached', code: 'WRONG_PEER', attempts: 1 }), see({ arrivals: 0, attempts: { unreached: 1 } })],
    not: inMemory,
  },
  {
    name: 'a caller that can prove nothing does not call a service that wants mutual TLS',
    policy: { ...once, access: { mtls: 'strict' } },
    upstream: { identities: { caller: '', instances: 'shop' } },
    steps: [call(act(), { verdict: 'unreached', code: 'NO_IDENTITY' }), see({ arrivals: 0 })],
    not: inMemory,
  },
  {
    name: 'a service that takes plaintext as well is called in plaintext by whoever can prove nothing',
    policy: once,
    upstream: { identities: { caller: '', instances: 'shop' } },
    steps: [call(act(), { verdict: 'ok' }), see({ executions: 1 })],
    not: inMemory,
  },
  {
    name: 'a caller that can prove who it is calls a service that cannot in plaintext, unless it must not',
    policy: once,
    upstream: { identities: { caller: 'caller', instances: '' } },
    steps: [call(act(), { verdict: 'ok' }), see({ executions: 1 })],
    not: inMemory,
  },
  {
    name: 'in plaintext nobody gets into a service that can prove nothing and is called by mutual TLS alone',
    policy: { ...once, access: { mtls: 'strict' } },
    upstream: { identities: { caller: 'caller', instances: '' } },
    steps: [call(act(), { verdict: 'unreached' }), see({ arrivals: 0 })],
    not: inMemory,
  },
]
