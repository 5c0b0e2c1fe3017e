import { describe, expect, test } from 'vitest'
import { builtIn, effectivePolicy } from './defaults.ts'
import { readPolicies } from './read.ts'
import type { PolicyDocument } from './schema.ts'

function effective(text: string, service = 'payment') {
  const reading = readPolicies(text, 'test')
  if (!reading.ok) throw new Error(reading.problems.join('\n'))
  return effectivePolicy(service, reading.set.defaults, reading.set.services.get(service) ?? null)
}

test('a service about which no document speaks has the built-in policy', () => {
  const { policy, from } = effectivePolicy('payment', null, null)
  expect(policy).toEqual({ service: 'payment', ...builtIn })
  expect(policy.timeoutMs).toBe(15_000)
  expect(policy.retry).toEqual({
    attempts: 3,
    on: ['unreached', 'unavailable', 'broken'],
    baseMs: 25,
    capMs: 250,
    budgetRatio: 0.2,
    budgetMinPerSecond: 10,
  })
  expect(policy.connections).toEqual({ max: 1024, idleMs: 4000, connectTimeoutMs: 10_000, maxAgeMs: 3_600_000 })
  expect(new Set(Object.values(from))).toEqual(new Set(['built-in']))
})

test('sections are laid over each other field by field, and the nearest document is named as their origin', () => {
  const { policy, from } = effective(`
timeout: 4s
retry: { attempts: 5, budget: { ratio: 0.5 } }
codes: { 502: unavailable }
---
service: payment
retry: { on: [unreached], budget: { minPerSecond: 1 } }
codes: { 504: fault }
`)
  expect(policy.retry).toMatchObject({ attempts: 5, on: ['unreached'], budgetRatio: 0.5, budgetMinPerSecond: 1, baseMs: 25 })
  expect(policy.codes).toEqual({ 502: 'unavailable', 504: 'fault' })
  expect(from).toMatchObject({ timeout: 'defaults', retry: 'service', breaker: 'built-in', codes: 'service' })
})

test('a list of the service takes the place of that of the defaults', () => {
  expect(effective('retry: { on: [late, fault] }\n---\nservice: payment\nretry: { on: [] }').policy.retry.on).toEqual([])
})

test('a version that is written anew keeps none of the labels it had in the defaults', () => {
  const { policy } = effective(`
versions: { v1: { labels: { version: v1, tier: gold } }, v2: { labels: { version: v2 } } }
---
service: payment
versions: { v1: { labels: { track: stable } } }
`)
  expect(policy.versions).toEqual({ v1: { labels: { track: 'stable' } }, v2: { labels: { version: 'v2' } } })
})

test('a breaker and an outlier section that say nothing have the documented figures', () => {
  const { policy } = effective('breaker: {}\noutlier: { successRate: { below: 0.8 } }')
  expect(policy.breaker).toEqual({ consecutiveFailures: 10, successRate: null, openForMs: 30_000 })
  expect(policy.outlier).toEqual({
    consecutiveFailures: 5,
    successRate: { below: 0.8, minCalls: 20, windowMs: 10_000 },
    ejectForMs: 30_000,
    maxEjected: 0.5,
    panic: 0.5,
  })
})

test('`false` turns off for one service what the defaults turn on for all', () => {
  const { policy, from } = effective(`
attemptTimeout: 1s
breaker: {}
outlier: {}
limit: { outbound: { inFlight: 10 }, inbound: { inFlight: 20, queue: 5, queueFor: 1s } }
rateLimit: { outbound: { perSecond: 2.5 } }
---
service: payment
attemptTimeout: false
breaker: false
outlier: false
limit: { outbound: false }
rateLimit: { outbound: false }
`)
  expect(policy).toMatchObject({
    breaker: null,
    outlier: null,
    outboundLimit: null,
    outboundRate: null,
    attemptTimeoutMs: Number.POSITIVE_INFINITY,
  })
  expect(policy.inboundLimit).toEqual({ inFlight: 20, queue: 5, queueForMs: 1000 })
  expect(from.breaker).toBe('service')
})

test('a rate without a burst lets one second pass at once, and at least one call', () => {
  expect(effective('rateLimit: { outbound: { perSecond: 2.5 }, inbound: { perSecond: 0.1 } }').policy).toMatchObject({
    outboundRate: { perSecond: 2.5, burst: 2 },
    inboundRate: { perSecond: 0.1, burst: 1 },
  })
})

test('a stream is bounded by silence instead of by the timeout', () => {
  const { policy } = effective('timeout: 5s\n---\nservice: payment\nstream: {}')
  expect(policy.stream).toEqual({ idleMs: 300_000, totalMs: Number.POSITIVE_INFINITY })
  expect(policy.timeoutMs).toBe(Number.POSITIVE_INFINITY)
})

test('a service that names a timeout has no streams, though the defaults have', () => {
  const { policy, from } = effective('stream: { idle: 1m }\n---\nservice: payment\ntimeout: 5s')
  expect(policy.stream).toBeNull()
  expect(policy.timeoutMs).toBe(5000)
  expect(from).toMatchObject({ stream: 'service', timeout: 'service' })
})

test('targets without a weight weigh 1, and faults without a ratio hit every call', () => {
  const { policy } = effective(`
service: payment
versions: { v1: { labels: { version: v1 } }, v2: { labels: { version: v2 } } }
to: [{ version: v1 }, { version: v2, weight: 0 }]
fault: { outbound: { delay: { for: 1s } }, inbound: {} }
`)
  expect(policy.to).toEqual([
    { version: 'v1', weight: 1 },
    { version: 'v2', weight: 0 },
  ])
  expect(policy.outboundFault).toEqual({ delay: { forMs: 1000, ratio: 1 }, abort: null })
  expect(policy.inboundFault).toBeNull()
})

describe('access', () => {
  test('is open and takes both kinds of connections where nothing is said', () => {
    expect(effectivePolicy('payment', null, null).policy.access).toEqual({
      mtls: 'permissive',
      deny: [],
      allow: [],
      otherwise: 'allow',
      dryRun: false,
    })
  })

  test('lets nobody else in once there is a rule that lets somebody in, unless it is said otherwise', () => {
    expect(effective('service: payment\naccess: { allow: [{ from: [cart] }] }').policy.access).toMatchObject({
      allow: [{ from: ['cart'], methods: null, paths: null, headers: {} }],
      otherwise: 'deny',
    })
    expect(effective('service: payment\naccess: { deny: [{ paths: [/admin*] }] }').policy.access.otherwise).toBe('allow')
    expect(effective('service: payment\naccess: { default: deny }').policy.access.otherwise).toBe('deny')
  })

  test('is laid over the defaults field by field, and a list takes the place of the whole list', () => {
    const { policy, from } = effective(`
access:
  mtls: strict
  default: deny
  deny: [{ from: [crawler] }]
  allow: [{ from: [frontend] }]
---
service: payment
access: { allow: [{ from: [cart], methods: [POST] }, { from: [audit] }], dryRun: true }
`)
    expect(policy.access).toMatchObject({ mtls: 'strict', otherwise: 'deny', dryRun: true, deny: [{ from: ['crawler'] }] })
    expect(policy.access.allow.map((rule) => rule.from)).toEqual([['cart'], ['audit']])
    expect(from.access).toBe('service')
  })
})

describe('health, slow start and zones', () => {
  function policyOf(document: object) {
    const reading = readPolicies({ service: 's', ...document }, 'test')
    if (!reading.ok) throw new Error(reading.problems.join('; '))
    return effectivePolicy('s', null, reading.set.services.get('s') ?? null).policy
  }

  test('are: no checks, no slow start, zones from six endpoints on', () => {
    const { health, slowStartMs, zones } = policyOf({})
    expect([health, slowStartMs, zones]).toEqual([null, 0, { minEndpoints: 6 }])
  })

  test('have their usual numbers where a document says only what must be said, and can be turned off', () => {
    const { health, slowStartMs } = policyOf({ health: { http: { path: '/healthz' } }, slowStart: '30s' })
    expect([health, slowStartMs]).toEqual([
      { http: { path: '/healthz', status: 200 }, grpc: null, intervalMs: 10_000, timeoutMs: 1000, unhealthyAfter: 3, healthyAfter: 2 },
      30_000,
    ])
    expect(policyOf({ health: { tcp: true } }).health).toMatchObject({ http: null, intervalMs: 10_000, timeoutMs: 1000 })
    expect(policyOf({ health: { grpc: {} } }).health).toMatchObject({ http: null, grpc: { service: '' } })
    expect(policyOf({ health: { grpc: { service: 'shop.Payment' } } }).health).toMatchObject({ grpc: { service: 'shop.Payment' } })
    const off = policyOf({ health: false, slowStart: false, zones: false })
    expect([off.health, off.slowStartMs, off.zones]).toEqual([null, 0, null])
  })

  test('let a service be checked in another way than the defaults say, at their intervals', () => {
    const [http, tcp] = [
      { http: { path: '/healthz' }, interval: 5000 },
      { tcp: true as const, interval: 5000 },
    ]
    const health = (under: PolicyDocument['health'], over: PolicyDocument['health']) =>
      effectivePolicy('s', { health: under }, { service: 's', health: over }).policy.health
    expect(health(http, { tcp: true })).toMatchObject({ http: null, intervalMs: 5000 })
    expect(health(tcp, { http: { path: '/a' } })).toMatchObject({ http: { path: '/a', status: 200 }, intervalMs: 5000 })
    expect(health(http, { grpc: {} })).toMatchObject({ http: null, grpc: { service: '' }, intervalMs: 5000 })
    expect(health({ grpc: { service: 'a.B' }, interval: 5000 }, { tcp: true })).toMatchObject({ http: null, grpc: null, intervalMs: 5000 })
    expect(health(tcp, { timeout: 10 })).toMatchObject({ http: null, timeoutMs: 10 })
    expect(http).toEqual({ http: { path: '/healthz' }, interval: 5000 })
  })

  test.each([
    [{ health: { interval: '5s' } }, 'nothing says what to check'],
    [{ health: { tcp: true, http: { path: '/a' } } }, 's.health.tcp: `tcp` and `http` exclude each other'],
    [{ health: { grpc: {}, http: { path: '/a' } } }, 's.health.grpc: `grpc` and `http` exclude each other'],
    [{ health: { grpc: { service: 'shop/Payment' } } }, 'expected the full name of a gRPC service'],
    [{ health: { tcp: false } }, 's.health.tcp: expected true, found false'],
    [{ health: { http: { path: 'healthz' } } }, 'expected a path such as "/healthz"'],
    [{ health: { http: { path: '/a b' } } }, 'expected a path such as "/healthz"'],
    [{ health: { http: { path: '/a', status: 42 } } }, 'status'],
    [{ zones: { minEndpoints: 1 } }, 'minEndpoints'],
    [{ slowStart: 'soon' }, 'slowStart'],
  ])('refuse %j', (document, problem) => {
    expect(() => policyOf(document)).toThrow(problem)
  })
})
