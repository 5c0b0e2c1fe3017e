/** What holds where no document says otherwise, and how documents are laid over it. */
import type {
  AccessPolicy,
  AccessRulePolicy,
  BreakerPolicy,
  EffectivePolicy,
  FaultPolicy,
  HealthPolicy,
  LimitPolicy,
  OutlierPolicy,
  RatePolicy,
  RetryPolicy,
  StreamPolicy,
  SuccessRatePolicy,
  ZonesPolicy,
} from './effective.ts'
import { type PolicyDocument, type Section, sections } from './schema.ts'

/** Where a section's value came from; of sections that are merged, the nearest document that has a say. */
export type PolicyOrigin = 'built-in' | 'defaults' | 'service'

const defaultZones: ZonesPolicy = { minEndpoints: 6 }

/** The policy of a service about which no document speaks. The figures' sources stand in the schema. */
export const builtIn: Omit<EffectivePolicy, 'service'> = {
  timeoutMs: 15_000,
  stream: null,
  attemptTimeoutMs: Number.POSITIVE_INFINITY,
  retry: { attempts: 3, on: ['unreached', 'unavailable', 'broken'], baseMs: 25, capMs: 250, budgetRatio: 0.2, budgetMinPerSecond: 10 },
  breaker: null,
  outlier: null,
  outboundLimit: null,
  inboundLimit: null,
  outboundRate: null,
  inboundRate: null,
  balance: 'least-loaded',
  slowStartMs: 0,
  zones: defaultZones,
  health: null,
  connections: { max: 1024, idleMs: 4000, connectTimeoutMs: 10_000, maxAgeMs: 3_600_000 },
  versions: {},
  to: null,
  codes: {},
  access: { mtls: 'permissive', deny: [], allow: [], otherwise: 'allow', dryRun: false },
  outboundFault: null,
  inboundFault: null,
}

/** The ways in which `health` can ask, of which a policy names one. */
export const checkKinds = ['http', 'grpc', 'tcp'] as const

// Long enough for a heartbeat every few minutes, short enough that a dead peer does not hold a stream for good.
const streamIdleMs = 300_000

/** What holds for `service`: its document over the defaults over what is built in, field by field. */
export function effectivePolicy(
  service: string,
  defaults: PolicyDocument | null,
  document: PolicyDocument | null,
): { policy: EffectivePolicy; from: Record<Section, PolicyOrigin> } {
  const all = laidOver(defaults, document)
  const stream = all.stream === undefined ? null : streamPolicy(all.stream)
  const policy: EffectivePolicy = {
    service,
    timeoutMs: stream === null ? (all.timeout ?? builtIn.timeoutMs) : Number.POSITIVE_INFINITY,
    stream,
    attemptTimeoutMs: all.attemptTimeout || builtIn.attemptTimeoutMs,
    retry: retryPolicy(all.retry ?? {}),
    breaker: all.breaker ? breakerPolicy(all.breaker) : null,
    outlier: all.outlier ? outlierPolicy(all.outlier) : null,
    outboundLimit: limitPolicy(all.limit?.outbound),
    inboundLimit: limitPolicy(all.limit?.inbound),
    outboundRate: ratePolicy(all.rateLimit?.outbound),
    inboundRate: ratePolicy(all.rateLimit?.inbound),
    balance: all.balance ?? builtIn.balance,
    slowStartMs: all.slowStart || builtIn.slowStartMs,
    zones: all.zones === false ? null : { minEndpoints: all.zones?.minEndpoints ?? defaultZones.minEndpoints },
    health: healthPolicy(all.health),
    connections: {
      max: all.connections?.max ?? builtIn.connections.max,
      idleMs: all.connections?.idle ?? builtIn.connections.idleMs,
      connectTimeoutMs: all.connections?.connectTimeout ?? builtIn.connections.connectTimeoutMs,
      maxAgeMs: all.connections?.maxAge === false ? Number.POSITIVE_INFINITY : (all.connections?.maxAge ?? builtIn.connections.maxAgeMs),
    },
    versions: all.versions ?? builtIn.versions,
    to: all.to?.map(({ version, weight }) => ({ version, weight: weight ?? 1 })) ?? builtIn.to,
    codes: all.codes ?? builtIn.codes,
    access: accessPolicy(all.access ?? {}),
    outboundFault: faultPolicy(all.fault?.outbound),
    inboundFault: faultPolicy(all.fault?.inbound),
  }
  return { policy, from: origins(defaults, document) }
}

function origins(defaults: PolicyDocument | null, document: PolicyDocument | null): Record<Section, PolicyOrigin> {
  const from = {} as Record<Section, PolicyOrigin>
  for (const section of Object.keys(sections) as Section[]) {
    if (document?.[section] !== undefined) from[section] = 'service'
    else from[section] = defaults?.[section] === undefined ? 'built-in' : 'defaults'
  }
  if (bounds(document)) from.stream = from.timeout = 'service'
  return from
}

/** True where a document says itself how calls are bounded: as streams or by one time for all. */
function bounds(document: PolicyDocument | null): boolean {
  return document?.stream !== undefined || document?.timeout !== undefined
}

type Fields = Record<string, unknown>

/** One document made of two, of which `over` has the last word. */
export function laidOver(under: PolicyDocument | null, over: PolicyDocument | null): PolicyDocument {
  const merged = merge((under ?? {}) as Fields, (over ?? {}) as Fields) as PolicyDocument
  // A service that names a timeout has no streams, whatever the defaults say.
  if (over?.timeout !== undefined && over.stream === undefined) delete merged.stream
  // Nor is it checked in two ways: the one that it names takes the place of any other.
  const named = checkKinds.filter((kind) => over?.health && over.health[kind] !== undefined)
  if (merged.health && named.length > 0) for (const kind of checkKinds) if (!named.includes(kind)) delete merged.health[kind]
  return merged
}

function merge(under: Fields, over: Fields): Fields {
  const merged: Fields = { ...under }
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue
    const below = merged[key]
    // Labels select together: a version written anew must not keep half of the labels it had.
    merged[key] = key !== 'labels' && isFields(below) && isFields(value) ? merge(below, value) : value
  }
  return merged
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type Written<K extends Section> = Exclude<NonNullable<PolicyDocument[K]>, false>
type Side<K extends 'limit' | 'rateLimit' | 'fault'> = Written<K>['outbound']

function streamPolicy(written: Written<'stream'>): StreamPolicy {
  return { idleMs: written.idle ?? streamIdleMs, totalMs: written.total ?? Number.POSITIVE_INFINITY }
}

function retryPolicy(written: Written<'retry'>): RetryPolicy {
  return {
    attempts: written.attempts ?? builtIn.retry.attempts,
    on: written.on ?? builtIn.retry.on,
    baseMs: written.backoff?.base ?? builtIn.retry.baseMs,
    capMs: written.backoff?.cap ?? builtIn.retry.capMs,
    budgetRatio: written.budget?.ratio ?? builtIn.retry.budgetRatio,
    budgetMinPerSecond: written.budget?.minPerSecond ?? builtIn.retry.budgetMinPerSecond,
  }
}

function successRate(written: Written<'breaker'>['successRate']): SuccessRatePolicy | null {
  return written === undefined ? null : { below: written.below, minCalls: written.minCalls ?? 20, windowMs: written.window ?? 10_000 }
}

function breakerPolicy(written: Written<'breaker'>): BreakerPolicy {
  return {
    consecutiveFailures: written.consecutiveFailures ?? 10,
    successRate: successRate(written.successRate),
    openForMs: written.openFor ?? 30_000,
  }
}

function outlierPolicy(written: Written<'outlier'>): OutlierPolicy {
  return {
    consecutiveFailures: written.consecutiveFailures ?? 5,
    successRate: successRate(written.successRate),
    ejectForMs: written.ejectFor ?? 30_000,
    maxEjected: written.maxEjected ?? 0.5,
    panic: written.panic ?? 0.5,
  }
}

function healthPolicy(written: PolicyDocument['health']): HealthPolicy | null {
  if (!written || checkKinds.every((kind) => written[kind] === undefined)) return null
  return {
    http: written.http === undefined ? null : { path: written.http.path, status: written.http.status ?? 200 },
    grpc: written.grpc === undefined ? null : { service: written.grpc.service ?? '' },
    intervalMs: written.interval ?? 10_000,
    timeoutMs: written.timeout ?? 1000,
    unhealthyAfter: written.unhealthyAfter ?? 3,
    healthyAfter: written.healthyAfter ?? 2,
  }
}

function limitPolicy(written: Side<'limit'>): LimitPolicy | null {
  if (!written) return null
  return { inFlight: written.inFlight, queue: written.queue ?? 0, queueForMs: written.queueFor ?? Number.POSITIVE_INFINITY }
}

function ratePolicy(written: Side<'rateLimit'>): RatePolicy | null {
  if (!written) return null
  return { perSecond: written.perSecond, burst: written.burst ?? Math.max(1, Math.floor(written.perSecond)) }
}

function accessPolicy(written: Written<'access'>): AccessPolicy {
  const { mtls, deny, allow, default: otherwise, dryRun } = written
  return {
    mtls: mtls ?? builtIn.access.mtls,
    deny: deny?.map(accessRule) ?? [],
    allow: allow?.map(accessRule) ?? [],
    otherwise: otherwise ?? ((allow?.length ?? 0) > 0 ? 'deny' : 'allow'),
    dryRun: dryRun ?? false,
  }
}

function accessRule({ from, methods, paths, headers }: NonNullable<Written<'access'>['allow']>[number]): AccessRulePolicy {
  return { from: from ?? null, methods: methods ?? null, paths: paths ?? null, headers: headers ?? {} }
}

function faultPolicy(written: Side<'fault'>): FaultPolicy | null {
  if (!written || (written.delay === undefined && written.abort === undefined)) return null
  return {
    delay: written.delay === undefined ? null : { forMs: written.delay.for, ratio: written.delay.ratio ?? 1 },
    abort: written.abort === undefined ? null : { status: written.abort.status, ratio: written.abort.ratio ?? 1 },
  }
}
