/** What a control API and its clients say to each other: the shapes of `docs/protocol.md`, checked on both sides. */
import { z } from 'zod'
import { nameSchema } from './schema.ts'
import { trustDomainSchema } from './spiffe-id.ts'

/**
 * The newest level of the policy schema that this package reads. A client says its level with every poll, and is sent documents of that
 * level. Level 1: all sections up to `fault`. Level 2: `external`. Level 3: `slowStart`, `zones`, `health`. Level 4: `access`,
 * `connections.maxAge`, `health.grpc`, and the section `trust` of a document.
 */
export const schemaLevel = 4

/**
 * `<epoch>.<index>`: the epoch names one life of a store, the index only grows within it. Compared for equality by clients, ordered by the
 * server alone.
 */
export const versionSchema = z.string().regex(/^[0-9a-z]{1,32}\.\d{1,16}$/, 'expected a version such as "k3f9.42"')

/** Names one process; the same for all its life, another after a restart. */
export const instanceIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'expected up to 128 letters, digits, ".", "_" and "-"')

/** One endpoint as documents carry it. */
export const endpointRecordSchema = z.strictObject({
  /** `host:port`, an IPv6 host in brackets. */
  address: z.string().min(3).max(300),
  labels: z.record(z.string().max(128), z.string().max(256)).default({}),
  zone: z.string().max(128).default(''),
  weight: z.number().min(0).max(1_000_000).default(1),
})

/** One endpoint as documents carry it, checked. */
export type EndpointRecord = z.output<typeof endpointRecordSchema>

/** What an instance says of itself when it takes or renews its lease: `PUT /v1/instances/:service/:instance`. */
export const leaseRequestSchema = z.strictObject({
  ...endpointRecordSchema.shape,
  /** False: known, and out of balance. */
  healthy: z.boolean().default(true),
})

/** What an instance says of itself, checked. */
export type LeaseRequest = z.output<typeof leaseRequestSchema>

/** The answer to a lease. */
export const leaseAnswerSchema = z.object({
  /** The lease ends this long after the last renewal. */
  leaseMs: z.number().int().min(1000),
  /** Renew this often. */
  renewMs: z.number().int().min(100),
})

/** How long a lease lasts, checked. */
export type LeaseAnswer = z.output<typeof leaseAnswerSchema>

/** A policy section: one document as JSON, null where the service has none. */
export const policySectionSchema = z.object({
  hash: z.string().max(64),
  document: z.record(z.string(), z.unknown()).nullable(),
})

/** All endpoints of a service, or what changed since the list whose hash is `from`. */
export const endpointsSectionSchema = z.union([
  z.object({ hash: z.string().max(64), full: z.array(endpointRecordSchema) }),
  z.object({ hash: z.string().max(64), from: z.string().max(64), put: z.array(endpointRecordSchema), drop: z.array(z.string()) }),
])

/** The endpoints of one service, whole or as a delta, checked. */
export type EndpointsSection = z.output<typeof endpointsSectionSchema>

// Room for a root, or for a leaf with its intermediates; a chain of P-256 certificates has about 2 kB.
const pem = z.string().min(1).max(65_536)

/** Whom the members of the mesh believe: the roots of its trust domain. */
export const trustSectionSchema = z.object({
  hash: z.string().max(64),
  trustDomain: trustDomainSchema,
  /** Each one certificate in PEM; several while a root is turned over. */
  roots: z.array(pem).min(1).max(16),
  /** A certificate that was issued before this moment (milliseconds since 1970) is to be renewed now, each at a random point of 30 s; 0: none. */
  renewBefore: z.number().int().min(0).default(0),
})

/** Whom the members of the mesh believe, checked. */
export type TrustSection = z.output<typeof trustSectionSchema>

/** The body of `POST /v1/identity/certificates`: the service that asks, and its request (PKCS#10 in PEM). */
export const certificateRequestSchema = z.strictObject({
  service: nameSchema,
  csr: z.string().min(1).max(16_384, 'a request has at most 16384 characters'),
})

/** The answer to a certificate request. */
export const certificateAnswerSchema = z.object({
  /** The leaf first, then intermediates, in PEM. */
  certificates: pem,
  /** Milliseconds since 1970. */
  notBefore: z.number(),
  notAfter: z.number(),
  trust: trustSectionSchema,
})

/** A certificate and whom to believe, checked. */
export type CertificateAnswer = z.output<typeof certificateAnswerSchema>

/** The answer of `GET /v1/identity/roots`, open to all: what a newcomer checks against the fingerprint in its token before it says anything. */
export const identityRootsSchema = z.object({
  trustDomain: trustDomainSchema,
  roots: z.array(pem).min(1).max(16),
  /**
   * Newer roots signed by older ones, and the older ones themselves where they are believed no more: they lead from the root that a token names to
   * the roots of today.
   */
  links: z.array(pem).max(64).default([]),
})

/** What a newcomer is told of the roots, checked. */
export type IdentityRoots = z.output<typeof identityRootsSchema>

/** The answer to a poll: everything of this client's document that changed, and the hashes of all of it. */
export const controlDocumentSchema = z.object({
  version: versionSchema,
  /** The level to which it was compiled. */
  schema: z.number().int().min(1),
  /** The newest revision of the policies. */
  revision: z.number().int().min(0),
  /**
   * Every section of this client's document by name (`policy/defaults`, `policy/cart`, `endpoints/cart`), with its hash. What is not named
   * is not there.
   */
  sections: z.record(z.string(), z.string()),
  /** By the name of the service, `defaults` among them. */
  policies: z.record(z.string(), policySectionSchema),
  endpoints: z.record(nameSchema, endpointsSectionSchema),
  /** Sent where it changed, from level 4; its hash stands in `sections` as `trust`. */
  trust: trustSectionSchema.optional(),
  /** Names of `uses` that the control API does not know. */
  unknown: z.array(z.string()).default([]),
})

/** The answer to a poll, checked. */
export type ControlDocument = z.output<typeof controlDocumentSchema>

/** The body of every answer with a status of 400 and above. */
export const problemSchema = z.object({
  error: z.object({
    /** One word for programs: `bad_policy`, `unknown_reference`, `wrong_token`, `stale_revision`. */
    code: z.string(),
    /** One sentence for people. */
    message: z.string(),
    /** Each with the path of its field. */
    problems: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
  }),
})

/** The body of an error, checked. */
export type Problem = z.output<typeof problemSchema>
