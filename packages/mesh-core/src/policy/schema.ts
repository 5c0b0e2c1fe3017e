/** The policy document of one service, as a schema: what its callers do and what it accepts. */
import { z } from 'zod'
import { accessSchema } from './access-schema.ts'
import { grpcStatusNames } from './grpc-status-names.ts'
import { longestName, nameForm, nameRule } from './name-form.ts'
import { amount, count, duration, positive, share } from './units.ts'

/** Service and version names. */
export const nameSchema = z.string().max(longestName, `a name has at most ${longestName} characters`).regex(nameForm, nameRule)

/** Verdicts that a policy may ask to be tried again. */
export const retryOnSchema = z.enum(['unreached', 'unavailable', 'throttled', 'fault', 'late', 'broken'])

const statusForm = new RegExp(`^([1-5]\\d\\d|${grpcStatusNames.join('|')})$`)

/** Verdicts that a status code can be given. */
export const codeVerdictSchema = z.enum(['ok', 'rejected', 'throttled', 'unavailable', 'fault'])

/** A section that a service can turn off where `defaults` turn it on, by writing `false`. */
function switchable<S extends z.ZodType>(section: S) {
  return z.union([z.literal(false), section], { error: 'expected fields, or `false` to turn it off' })
}

const retrySchema = z.strictObject({
  attempts: count(1, 10)
    .optional()
    .describe('Attempts in all, the first one included; 1 turns retries off. Default 3 (Istio: two retries).'),
  on: z
    .array(retryOnSchema)
    .optional()
    .describe(
      'What is tried again. Default: unreached, unavailable, broken. Only `unreached` is retried for calls that are not idempotent.',
    ),
  backoff: z
    .strictObject({ base: duration(0).optional(), cap: duration(0).optional() })
    .optional()
    .describe(
      'Pause before attempt n+1: random up to min(cap, base * (2^n - 1)), as Envoy does; at least a `Retry-After`, exactly a `grpc-retry-pushback-ms`. Default 25 ms to 250 ms.',
    ),
  budget: z
    .strictObject({
      ratio: share()
        .optional()
        .describe('Retries allowed per call. Default 0.2 (Linkerd): three tiers that each retry send at most 1.2^3 = 1.7 times the load.'),
      minPerSecond: amount(0, 10_000)
        .optional()
        .describe('Retries per second allowed besides, so that a quiet client can retry at all. Default 10.'),
    })
    .optional(),
})

const successRateSchema = z.strictObject({
  below: positive(1).describe('Trips below this share of successes.'),
  minCalls: count(1).optional().describe('Calls that the window must hold before the share counts. Default 20.'),
  window: duration(100).optional().describe('Length of the window. Default 10 s.'),
})

const breakerSchema = z.strictObject({
  consecutiveFailures: count(0).optional().describe('Failures in a row that open the breaker; 0 turns this criterion off. Default 10.'),
  successRate: successRateSchema.optional().describe('Opens by the share of successes within a window. Default: this criterion is off.'),
  openFor: duration().optional().describe('How long it stays open before one probe goes through. Default 30 s.'),
})

const outlierSchema = z.strictObject({
  consecutiveFailures: count(0)
    .optional()
    .describe('Failures in a row that eject an endpoint; 0 turns this criterion off. Default 5 (Envoy).'),
  successRate: successRateSchema.optional().describe('Ejects by the share of successes within a window. Default: this criterion is off.'),
  ejectFor: duration().optional().describe('First ejection; the n-th in a row lasts n times as long, up to 300 s. Default 30 s (Envoy).'),
  maxEjected: share().optional().describe('Largest share of endpoints out at once: rounded down, but one of two or more. Default 0.5.'),
  panic: share()
    .optional()
    .describe(
      "Below this share of endpoints in, the evidence is not believed and all are used. Default 0.5 (Envoy's panic threshold); 0: off.",
    ),
})

const limitSideSchema = z.strictObject({
  inFlight: count(1).describe('Calls under way at once.'),
  queue: count(0).optional().describe('Calls that may wait for a slot. Default 0: refuse at once.'),
  queueFor: duration().optional().describe('How long a call may wait for a slot. Default: as long as its deadline lets it.'),
})

const rateSideSchema = z.strictObject({
  perSecond: positive(1_000_000).describe('Calls per second.'),
  burst: count(1).optional().describe("Calls that may come at once. Default: one second's worth, at least 1."),
})

const faultSideSchema = z.strictObject({
  delay: z
    .strictObject({ for: duration(), ratio: share().optional() })
    .optional()
    .describe('Waits before the attempt goes on. Ratio: default 1.'),
  abort: z
    .strictObject({ status: count(400, 599), ratio: share().optional() })
    .optional()
    .describe("Answers in the server's place, with an HTTP status. Ratio: default 1."),
})

const connectionsSchema = z.strictObject({
  max: count(1, 65_535).optional().describe('Connections to one endpoint. Default 1024 (Envoy).'),
  idle: duration()
    .optional()
    .describe('An idle connection is closed after this. Default 4 s: below the 5 s after which a Node.js server closes.'),
  connectTimeout: duration().optional().describe('Time to connect. Default 10 s (Envoy, Istio).'),
  maxAge: z
    .union([z.literal(false), duration(1000)], { error: 'expected a duration such as "1h", or `false` for no bound' })
    .optional()
    .describe('A connection takes no more calls after this, so that old certificates leave. Default 1 h. From schema level 4.'),
})

const zonesSchema = z.strictObject({
  minEndpoints: count(2)
    .optional()
    .describe("Fewer endpoints than this are used without regard to zones. Default 6 (Envoy's min_cluster_size)."),
})

const healthSchema = z.strictObject({
  http: z
    .strictObject({
      path: z
        .string()
        .max(1024, 'a path has at most 1024 characters')
        .regex(/^\/[!-"$-~]*$/, 'expected a path such as "/healthz": it begins with "/" and has neither spaces nor "#"')
        .describe('What is asked for, with GET.'),
      status: count(100, 599).optional().describe('The status of an endpoint that is well. Default 200.'),
    })
    .optional()
    .describe('Asks over HTTP. One of `http`, `grpc` and `tcp` must be there.'),
  grpc: z
    .strictObject({
      service: z
        .string()
        .max(256, 'the name of a gRPC service has at most 256 characters')
        .regex(/^[\w.]*$/, 'expected the full name of a gRPC service such as "shop.Payment"')
        .optional()
        .describe('The service that is asked about, by its full name. Default: the server as a whole.'),
    })
    .optional()
    .describe('Asks over gRPC, by grpc.health.v1; SERVING is well. From schema level 4.'),
  tcp: z.literal(true).optional().describe('Opens a new connection and closes it at once.'),
  interval: duration(100).optional().describe('Each endpoint is asked once in this time, by each caller. Default 10 s.'),
  timeout: duration(10).optional().describe('Time for the answer, or for the connection. Default 1 s.'),
  unhealthyAfter: count(1, 1000).optional().describe('Checks in a row that fail before an endpoint is out of balance. Default 3.'),
  healthyAfter: count(1, 1000).optional().describe('Checks in a row that pass before it is back. Default 2.'),
})

const versionSchema = z.strictObject({
  labels: z
    .record(z.string(), z.string())
    // A version without labels would select every endpoint, and a canary would get all of the calls.
    .refine((labels) => Object.keys(labels).length > 0, 'expected at least one label')
    .describe('Labels that an endpoint must carry to be of this version.'),
})

const targetSchema = z.strictObject({
  version: nameSchema,
  weight: amount(0, 1_000_000).optional().describe('Share of calls relative to the other weights. Default 1.'),
})

/** The two ends at which a section can act. */
function sides<S extends z.ZodType>(side: S) {
  return z.strictObject({
    outbound: switchable(side).optional().describe('In each caller of the service.'),
    inbound: switchable(side).optional().describe('In each instance of the service.'),
  })
}

/** All sections of a policy. */
export const sections = {
  timeout: duration()
    .optional()
    .describe("Time for the whole call, retries and waiting included, to the body's last byte. Default 15 s (Envoy)."),
  stream: z
    .strictObject({ idle: duration().optional(), total: duration().optional() })
    .optional()
    .describe(
      'Calls are streams, bounded by silence (`idle`, default 5 min) and by length (`total`, default: none) instead of by `timeout`. Kept by each caller.',
    ),
  attemptTimeout: z
    .union([z.literal(false), duration()], { error: 'expected a duration such as "250ms", or `false` for none' })
    .optional()
    .describe('Time for one attempt, from its start to the head of the answer. Default: none beyond `timeout`.'),
  retry: retrySchema.optional().describe('Which failures are tried again, how often, after what pause.'),
  breaker: switchable(breakerSchema)
    .optional()
    .describe('Opens on the destination (service and version): calls are refused on this side. Default: none.'),
  outlier: switchable(outlierSchema).optional().describe('Takes single endpoints out of balance. Default: none.'),
  limit: sides(limitSideSchema).optional().describe('Calls under way at once. Default: no bound.'),
  rateLimit: sides(rateSideSchema).optional().describe('Calls per second. Default: no bound.'),
  balance: z
    .enum(['least-loaded', 'round-robin'])
    .optional()
    .describe("How endpoints share the calls. Default `least-loaded`: the less busy of two drawn at random (Istio's least request)."),
  slowStart: z
    .union([z.literal(false), duration()], { error: 'expected a duration such as "30s", or `false` for none' })
    .optional()
    .describe(
      'An endpoint that comes anew gets a tenth of its share at first, and all of it after this time. Default: none. From schema level 3.',
    ),
  health: switchable(healthSchema)
    .optional()
    .describe(
      'Each caller asks the endpoints how they are, besides what their answers show. A check by `http` or `grpc` that passes brings back what `outlier` ejected. Default: none. From schema level 3.',
    ),
  zones: switchable(zonesSchema)
    .optional()
    .describe(
      "Calls stay in the caller's zone, where `createMesh` was told one, and spill over as endpoints there fail: all stay down to 72 % of them, 70 % of the calls at 50 %. Default: on. From schema level 3.",
    ),
  connections: connectionsSchema.optional().describe('Connections to each endpoint.'),
  versions: z.record(nameSchema, versionSchema).optional().describe('Versions of the service by the labels of their endpoints.'),
  to: z
    .array(targetSchema)
    .min(1, 'expected at least one version')
    .max(64, 'expected at most 64 versions')
    .optional()
    .describe('Where calls go, by weight. Default: all endpoints, whatever their version.'),
  codes: z
    .record(z.string().regex(statusForm, 'a key here is an HTTP status from 100 to 599, or the name of a gRPC status'), codeVerdictSchema)
    .optional()
    .describe('What a status means, where it differs from the table of the wire. By the names of gRPC from schema level 4.'),
  access: accessSchema.optional().describe('Who may call the service, and how its connections are secured. From schema level 4.'),
  fault: sides(faultSideSchema).optional().describe('Injected below retry and timeout, so that these exercise it. Default: none.'),
} as const

/** One document: with `service` for that service, without for all services. */
export const documentSchema = z.strictObject({
  service: nameSchema.optional().describe('The service that the document is about. Without it the document holds the defaults for all.'),
  external: z
    .boolean()
    .optional()
    .describe(
      'The service lives in another registry: a control API accepts its policy although none of its instances holds a lease. Default: false. From schema level 2.',
    ),
  ...sections,
})

/** The name of a section. */
export type Section = keyof typeof sections

/** A document as people write it: durations as text or milliseconds. */
export type PolicyDocumentInput = z.input<typeof documentSchema>

/** A document as it was read: durations in milliseconds, nothing filled in. */
export type PolicyDocument = z.output<typeof documentSchema>
