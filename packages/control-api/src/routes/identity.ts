/** Identity: whom to believe, a certificate for a request, and what admins may do with the authority. */
import { certificateAnswerSchema, certificateRequestSchema, identityRootsSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import type { Caller } from '../access/caller.ts'
import { type Authority, RotationUnderWay } from '../authority/authority.ts'
import { RequestRefused } from '../authority/request-refused.ts'
import { type CertificateDesk, problemOf } from './certificate-desk.ts'
import { identityStateOf, identityStateSchema, rotationSchema } from './identity-state.ts'
import type { ApiAnswer, ApiRequest, Operation } from './operation.ts'
import { serviceNameSchema } from './poll-query.ts'
import { RequestProblem } from './problem.ts'
import type { Writes } from './writes.ts'

/** What identity needs; null where the control API runs without TLS, and so without an authority. */
export interface IdentityParts {
  readonly authority: Authority
  readonly desk: CertificateDesk
  readonly writes: Writes
}

const pem = '-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n'
const rotation = {
  phase: 'spreading',
  since: 1_790_000_000_000,
  oldRoot: 'x'.repeat(43),
  newRoot: 'y'.repeat(43),
  laggards: [],
  waitsFor: 'The new root has not reached everybody: cart/cart-1 has not said that it holds it.',
} as const
const request = { service: 'cart', csr: '-----BEGIN CERTIFICATE REQUEST-----\nMIIB...\n-----END CERTIFICATE REQUEST-----\n' }
const trust = { hash: '55a42dab0a2ba7fa', trustDomain: 'zerohop.local', roots: [pem], renewBefore: 0 }
const root = { fingerprint: 'x'.repeat(43), notBefore: 1_790_000_000_000, notAfter: 2_105_000_000_000 }

/** `/v1/identity` and what is below it. */
export function identityOperations(parts: IdentityParts | null): Operation[] {
  return [...forServices(parts), ...forAdmins(parts)]
}

function forServices(parts: IdentityParts | null): Operation[] {
  return [
    {
      method: 'GET',
      path: '/v1/identity/roots',
      summary: 'The roots of the trust domain: what a newcomer checks against the fingerprint in its token before it says anything.',
      access: 'open',
      answers: {
        200: { meaning: 'Roots.', schema: identityRootsSchema, example: { trustDomain: 'zerohop.local', roots: [pem], links: [] } },
      },
      problems: ['no_identity'],
      handle: () => ({ status: 200, body: present(parts).authority.roots() }),
    },
    {
      method: 'POST',
      path: '/v1/identity/certificates',
      summary: 'Issues a certificate to the service of the token, or of the client certificate that is being renewed.',
      access: 'join',
      body: { schema: certificateRequestSchema.extend({ service: serviceNameSchema }), example: request },
      answers: {
        200: {
          meaning: 'Issued.',
          schema: certificateAnswerSchema,
          example: { certificates: pem, notBefore: 1_790_000_000_000, notAfter: 1_790_086_400_000, trust },
        },
      },
      problems: [
        'wrong_service',
        'foreign_name',
        'bad_csr',
        'bad_signature',
        'weak_key',
        'used_token',
        'revoked_token',
        'unknown_line',
        'too_many_certificates',
        'busy',
      ],
      handle: async (asked) => ({ status: 200, headers: unstored, body: await present(parts).desk.issue(asked, asked.caller as Caller) }),
    },
  ]
}

function forAdmins(parts: IdentityParts | null): Operation[] {
  const state = { meaning: 'How far it has come.', schema: rotationSchema, example: rotation }
  const problems = ['no_identity', 'store_failed']
  return [
    {
      method: 'GET',
      path: '/v1/identity',
      summary: 'The authority: its trust domain, its roots, its leaves, and how far a rotation has come.',
      access: 'admin',
      answers: {
        200: {
          meaning: 'The authority now.',
          schema: identityStateSchema,
          example: {
            trustDomain: 'zerohop.local',
            fingerprint: 'x'.repeat(43),
            roots: [root],
            validLeaves: 40,
            renewBefore: 0,
            rotation,
          },
        },
      },
      problems,
      handle: () => ({ status: 200, body: identityStateOf(present(parts).authority) }),
    },
    {
      method: 'GET',
      path: '/v1/identity/rotations',
      summary: 'How far the rotation of the root has come, or when the last one ended.',
      access: 'admin',
      answers: { 200: state },
      problems,
      handle: () => ({ status: 200, body: present(parts).authority.rotation }),
    },
    {
      method: 'POST',
      path: '/v1/identity/rotations',
      summary: 'Begins to turn the root over; the control API goes on with it by itself, restarts included.',
      access: 'admin',
      answers: { 202: { ...state, meaning: 'Begun.' } },
      problems: [...problems, 'rotation_under_way'],
      handle: (asked) => begun(present(parts), asked),
    },
    {
      method: 'POST',
      path: '/v1/identity/renewals',
      summary: 'Has every certificate renewed that was issued before now, within half a minute.',
      access: 'admin',
      answers: {
        202: { meaning: 'Asked for.', schema: z.object({ renewBefore: z.number() }), example: { renewBefore: 1_790_000_000_000 } },
      },
      problems,
      handle: (asked) => {
        const { authority, writes } = present(parts)
        writes.perform(asked, () => {
          authority.renewAll()
          return { account: { action: 'identity.renew', subject: 'all certificates', revision: null, forced: false }, result: undefined }
        })
        return { status: 202, body: { renewBefore: authority.trust.renewBefore } }
      },
    },
  ]
}

/** An answer with somebody's certificate is for that somebody. */
const unstored = { 'cache-control': 'no-store' }

function present(parts: IdentityParts | null): IdentityParts {
  if (parts !== null) return parts
  const message = 'This control API issues no identities: it runs without TLS.'
  throw new RequestProblem(404, 'no_identity', { message })
}

async function begun({ authority, writes }: IdentityParts, request: ApiRequest): Promise<ApiAnswer> {
  try {
    const state = await authority.rotate((begin, { oldRoot, newRoot }) =>
      writes.perform(request, () => {
        begin()
        const subject = `root ${oldRoot} to ${newRoot}`
        return { account: { action: 'identity.rotate', subject, revision: null, forced: false }, result: undefined }
      }),
    )
    return { status: 202, body: state }
  } catch (error) {
    if (error instanceof RequestRefused) throw problemOf(error)
    if (!(error instanceof RotationUnderWay)) throw error
    const { phase, since, waitsFor } = authority.rotation
    const message = `A rotation is under way, ${phase} since ${new Date(since).toISOString()}. ${waitsFor}`
    throw new RequestProblem(409, 'rotation_under_way', { message })
  }
}
