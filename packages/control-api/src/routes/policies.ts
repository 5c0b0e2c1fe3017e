/** Policies: read, written, taken away, and tried. */
import { nameSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { defaultsName, type ProposedDocument, readDocumentOf, readProposal } from '../check/proposal.ts'
import type { ApiAnswer, ApiRequest, Operation } from './operation.ts'
import { forceQuery, type PolicyParts, readable, told, writePolicies } from './policy-writing.ts'
import { expectedBy } from './preconditions.ts'
import { RequestProblem } from './problem.ts'

// A policy that somebody wrote by hand has a few kilobytes; one of a megabyte is a mistake, and every client would have to read it.
const maxPolicyBytes = 262_144
const maxCheckBytes = 1_048_576

const document = z.record(z.string(), z.unknown())
const serviceParams = z.strictObject({ service: nameSchema })
const storedSchema = z.object({ service: z.string(), revision: z.number().int(), document })
const writtenSchema = z.object({
  service: z.string(),
  /** The newest revision of this document. */
  revision: z.number().int(),
  changed: z.boolean(),
  warnings: z.array(z.string()),
})
const outlookSchema = z.object({
  service: z.string(),
  action: z.enum(['create', 'replace', 'none']),
  differences: z.array(z.string()),
  instances: z.array(z.object({ service: z.string(), instance: z.string() })),
  words: z.string(),
})

const examplePolicy = { service: 'payment', timeout: '5s', retry: { attempts: 2 } }
const writeProblems = ['bad_policy', 'unknown_reference', 'stale_revision', 'store_failed']

/** `/v1/policies`, `/v1/policies/{service}`, `/v1/policies:check`. */
export function policyOperations(parts: PolicyParts): Operation[] {
  const { policies, desk } = parts
  return [
    {
      method: 'GET',
      path: '/v1/policies',
      summary: 'All policies as they were written, `defaults` among them.',
      access: 'admin',
      answers: {
        200: {
          meaning: 'All policies.',
          schema: z.object({ revision: z.number().int(), policies: z.array(storedSchema) }),
          example: { revision: 7, policies: [{ service: 'payment', revision: 7, document: examplePolicy }] },
        },
      },
      handle: () => ({ status: 200, body: { revision: policies.revision, policies: [...policies.all()] } }),
    },
    {
      method: 'GET',
      path: '/v1/policies/{service}',
      summary: 'The policy of one service, or `defaults`; its revision is the ETag.',
      access: 'admin',
      params: serviceParams,
      answers: {
        200: { meaning: 'The policy.', schema: storedSchema, example: { service: 'payment', revision: 7, document: examplePolicy } },
        304: { meaning: 'It is still the one of `If-None-Match`.' },
      },
      problems: ['unknown_policy'],
      handle: ({ params, headers }) => {
        const stored = policies.get(params.service as string)
        if (stored === null) throw unknownPolicy(params.service as string)
        const etag = `"${stored.revision}"`
        if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } }
        return { status: 200, headers: { etag }, body: stored }
      },
    },
    {
      method: 'PUT',
      path: '/v1/policies/{service}',
      summary: 'Writes the policy of one service, or `defaults`: checked as every client will, then durable, then on its way.',
      access: 'admin',
      params: serviceParams,
      query: forceQuery,
      body: { schema: document, text: true, example: examplePolicy, maxBytes: maxPolicyBytes },
      answers: {
        200: {
          meaning: 'Written; `changed: false` where it was so already.',
          schema: writtenSchema,
          example: { service: 'payment', revision: 7, changed: true, warnings: [] },
        },
        201: {
          meaning: 'Written; there was none before.',
          schema: writtenSchema,
          example: { service: 'payment', revision: 1, changed: true, warnings: [] },
        },
      },
      problems: writeProblems,
      handle: (request) => put(request, parts),
    },
    {
      method: 'DELETE',
      path: '/v1/policies/{service}',
      summary: 'Takes the policy of one service away, or `defaults`.',
      access: 'admin',
      params: serviceParams,
      query: forceQuery,
      answers: {
        200: {
          meaning: 'Gone.',
          schema: writtenSchema,
          example: { service: 'payment', revision: 8, changed: true, warnings: [] },
        },
      },
      problems: [...writeProblems, 'unknown_policy'],
      handle: (request) => remove(request, parts),
    },
    {
      method: 'POST',
      path: '/v1/policies:check',
      summary:
        'Says what writing these documents would change, and for which instances; refuses what a write would refuse. Nothing is written.',
      access: 'admin',
      query: forceQuery,
      body: { schema: z.union([document, z.array(document)]), text: true, example: examplePolicy, maxBytes: maxCheckBytes },
      answers: {
        200: {
          meaning: 'It could be written.',
          schema: z.object({ changes: z.array(outlookSchema), warnings: z.array(z.string()) }),
          example: {
            changes: [
              {
                service: 'payment',
                action: 'replace',
                differences: ['timeout: 2s becomes 5s'],
                instances: [{ service: 'cart', instance: 'cart-1' }],
                words: 'payment: timeout: 2s becomes 5s; felt by 1 instance: 1 of cart',
              },
            ],
            warnings: [],
          },
        },
      },
      problems: ['bad_policy', 'unknown_reference'],
      handle: async ({ body, query }) => {
        const proposed = readable(readProposal(body as string, maxCheckBytes))
        const { warnings } = await told(() => desk.weigh(proposed, query.force === 'true'))
        return { status: 200, body: { changes: desk.outlook(proposed), warnings } }
      },
    },
  ]
}

function put(request: ApiRequest, parts: PolicyParts): Promise<ApiAnswer> {
  const service = request.params.service as string
  return parts.writes.inLine(async () => {
    const isNew = parts.policies.get(service) === null
    const [read] = readable(readDocumentOf(service, request.body as string, maxPolicyBytes))
    const proposed = { ...(read as ProposedDocument), ...expectedBy(request, parts.policies) }
    const { warnings, changed } = await writePolicies(request, [proposed], { ...parts, action: 'policy.put' })
    const revision = parts.policies.get(service)?.revision ?? 0
    return { status: isNew ? 201 : 200, headers: { etag: `"${revision}"` }, body: { service, revision, changed, warnings } }
  })
}

function remove(request: ApiRequest, parts: PolicyParts): Promise<ApiAnswer> {
  const service = request.params.service as string
  return parts.writes.inLine(async () => {
    const expected = expectedBy(request, parts.policies)
    if (parts.policies.get(service) === null && expected.expected === undefined) throw unknownPolicy(service)
    const { warnings, changed } = await writePolicies(request, [{ service, document: null, ...expected }], {
      ...parts,
      action: 'policy.delete',
    })
    return { status: 200, body: { service, revision: parts.policies.revision, changed, warnings } }
  })
}

function unknownPolicy(service: string): RequestProblem {
  const what = service === defaultsName ? 'There are no defaults' : `There is no policy of ${service}`
  return new RequestProblem(404, 'unknown_policy', { message: `${what}.` })
}
