/** What is compiled into the stack: a policy with every field filled in, durations in ms. */
import type { z } from 'zod'
import type { codeVerdictSchema, retryOnSchema } from './schema.ts'

/** Which failures are tried again, how often, after what pause. */
export interface RetryPolicy {
  /** The first attempt included. */
  readonly attempts: number
  readonly on: readonly z.infer<typeof retryOnSchema>[]
  readonly baseMs: number
  readonly capMs: number
  /** Retries per call. */
  readonly budgetRatio: number
  readonly budgetMinPerSecond: number
}

/** The share of successes within a window below which a breaker or an ejection trips. */
export interface SuccessRatePolicy {
  readonly below: number
  readonly minCalls: number
  readonly windowMs: number
}

/** What opens the breaker of a destination, and for how long. */
export interface BreakerPolicy {
  /** 0: off. */
  readonly consecutiveFailures: number
  readonly successRate: SuccessRatePolicy | null
  readonly openForMs: number
}

/** What takes an endpoint out of balance, for how long, and how many at once. */
export interface OutlierPolicy {
  /** 0: off. */
  readonly consecutiveFailures: number
  readonly successRate: SuccessRatePolicy | null
  readonly ejectForMs: number
  readonly maxEjected: number
  readonly panic: number
}

/** Calls under way at once, and the line of those that wait. */
export interface LimitPolicy {
  readonly inFlight: number
  readonly queue: number
  /** Infinity: as long as the call's deadline lets it. */
  readonly queueForMs: number
}

/** Calls per second, and how many may come at once. */
export interface RatePolicy {
  readonly perSecond: number
  readonly burst: number
}

/** What is injected, and for which share of attempts. */
export interface FaultPolicy {
  readonly delay: { readonly forMs: number; readonly ratio: number } | null
  readonly abort: { readonly status: number; readonly ratio: number } | null
}

/** How endpoints share the calls. */
export type BalancePolicy = 'least-loaded' | 'round-robin'

/** How endpoints are asked how they are, and what follows. */
export interface HealthPolicy {
  /** Null: nothing is asked over HTTP. Where nothing is asked at all, a connection is enough. */
  readonly http: { readonly path: string; readonly status: number } | null
  /** Null: nothing is asked over gRPC. The service is '' for the server as a whole. */
  readonly grpc: { readonly service: string } | null
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly unhealthyAfter: number
  readonly healthyAfter: number
}

/** When the caller's zone matters. */
export interface ZonesPolicy {
  /** Fewer endpoints than this are used without regard to zones. */
  readonly minEndpoints: number
}

/** Connections to one endpoint: how many, how long they may idle, how long one may take to make. */
export interface ConnectionsPolicy {
  readonly max: number
  readonly idleMs: number
  readonly connectTimeoutMs: number
  /** Infinity: no bound. */
  readonly maxAgeMs: number
}

/** What bounds a stream in place of a timeout. */
export interface StreamPolicy {
  /** Infinity: no bound. */
  readonly idleMs: number
  /** Infinity: no bound. */
  readonly totalMs: number
}

/** The labels that make an endpoint one of a version. */
export interface VersionPolicy {
  readonly labels: Readonly<Record<string, string>>
}

/** A version and its share of calls relative to the others. */
export interface TargetPolicy {
  readonly version: string
  readonly weight: number
}

/** What a status means, by its three digits or by its name in gRPC, where it differs from the table of the wire. */
export type CodesPolicy = Readonly<Record<string, z.infer<typeof codeVerdictSchema>>>

/** What a header must be for a rule to speak of a call. */
export type HeaderMatchPolicy = { readonly exact: string } | { readonly prefix: string } | { readonly present: boolean }

/** Which calls a rule speaks of: those that meet everything it names. */
export interface AccessRulePolicy {
  /** Null: anybody. `*`: everybody who proved an identity. */
  readonly from: readonly string[] | null
  readonly methods: readonly string[] | null
  readonly paths: readonly string[] | null
  readonly headers: Readonly<Record<string, HeaderMatchPolicy>>
}

/** Who may call a service, and how its connections are secured. */
export interface AccessPolicy {
  readonly mtls: 'disabled' | 'permissive' | 'strict'
  readonly deny: readonly AccessRulePolicy[]
  readonly allow: readonly AccessRulePolicy[]
  readonly otherwise: 'allow' | 'deny'
  readonly dryRun: boolean
}

/** What holds for one service after built-in, defaults and its own document have been laid over each other. */
export interface EffectivePolicy {
  readonly service: string
  /** Infinity where calls are streams: `stream` bounds those. */
  readonly timeoutMs: number
  readonly stream: StreamPolicy | null
  /** Infinity: none beyond the time for the whole call. */
  readonly attemptTimeoutMs: number
  readonly retry: RetryPolicy
  readonly breaker: BreakerPolicy | null
  readonly outlier: OutlierPolicy | null
  readonly outboundLimit: LimitPolicy | null
  readonly inboundLimit: LimitPolicy | null
  readonly outboundRate: RatePolicy | null
  readonly inboundRate: RatePolicy | null
  readonly balance: BalancePolicy
  /** 0: none. */
  readonly slowStartMs: number
  readonly zones: ZonesPolicy | null
  readonly health: HealthPolicy | null
  readonly connections: ConnectionsPolicy
  readonly versions: Readonly<Record<string, VersionPolicy>>
  readonly to: readonly TargetPolicy[] | null
  readonly codes: CodesPolicy
  readonly access: AccessPolicy
  readonly outboundFault: FaultPolicy | null
  readonly inboundFault: FaultPolicy | null
}
