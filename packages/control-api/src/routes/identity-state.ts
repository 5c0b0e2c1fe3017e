/** The authority as admins see it. */
import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import type { Authority } from '../authority/authority.ts'
import { fingerprintOf } from '../authority/fingerprint.ts'

/** How far a rotation has come. */
export const rotationSchema = z.object({
  phase: z.enum(['none', 'spreading', 'renewing']),
  /** Milliseconds since 1970; of `none`: when the last one ended, 0 where there was none. */
  since: z.number(),
  oldRoot: z.string(),
  newRoot: z.string(),
  laggards: z.array(z.string()),
  waitsFor: z.string(),
})

/** The authority as a whole. */
export const identityStateSchema = z.object({
  trustDomain: z.string(),
  /** Of the root that new certificates lead to. */
  fingerprint: z.string(),
  roots: z.array(z.object({ fingerprint: z.string(), notBefore: z.number(), notAfter: z.number() })),
  validLeaves: z.number(),
  /** Certificates issued before this moment (milliseconds since 1970) are to be renewed; 0: none. */
  renewBefore: z.number(),
  rotation: rotationSchema,
})

/** What `GET /v1/identity` answers. */
export function identityStateOf({
  trustDomain,
  fingerprint,
  trust,
  validLeaves,
  rotation,
}: Authority): z.output<typeof identityStateSchema> {
  const roots = trust.roots.map((pem) => ({ fingerprint: fingerprintOf(pem), ...timesOf(pem) }))
  const state = { ...rotation, laggards: [...rotation.laggards] }
  return { trustDomain, fingerprint, roots, validLeaves, renewBefore: trust.renewBefore, rotation: state }
}

/** When a certificate is valid, in milliseconds since 1970. */
export function timesOf(pem: string): { readonly notBefore: number; readonly notAfter: number } {
  const { validFrom, validTo } = new X509Certificate(pem)
  return { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) }
}
