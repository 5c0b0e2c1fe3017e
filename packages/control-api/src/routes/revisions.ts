/** The history of policies, and the way back. */

import { nameSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import type { ProposedDocument } from '../check/proposal.ts'
import type { PolicyStore } from '../store/policy-store.ts'
import type { ApiAnswer, ApiRequest, Operation } from './operation.ts'
import { pageQuery } from './page-query.ts'
import { forceQuery, type PolicyParts, writePolicies } from './policy-writing.ts'
import { RequestProblem } from './problem.ts'

const revisionSchema = z.object({
  revision: z.number().int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  by: z.string(),
  action: z.string(),
  /** True where a check was overridden. */
  forced: z.boolean(),
  services: z.array(z.string()),
})

const expectedRevision = 'expected the number of a revision, from 0'
const rollbackSchema = z.strictObject({ revision: z.number(expectedRevision).int(expectedRevision).min(0, expectedRevision) })

/** `/v1/history`, `/v1/policies:rollback`. */
export function revisionOperations(parts: PolicyParts): Operation[] {
  return [
    {
      method: 'GET',
      path: '/v1/history',
      summary: 'Revisions, the newest first; `before` goes on from the last one seen.',
      access: 'admin',
      query: pageQuery.extend({ service: nameSchema.optional() }),
      answers: {
        200: {
          meaning: 'Revisions.',
          schema: z.object({ revisions: z.array(revisionSchema) }),
          example: {
            revisions: [{ revision: 7, at: 1_790_000_000_000, by: 'admin', action: 'put', forced: false, services: ['payment'] }],
          },
        },
      },
      handle: ({ query }) => {
        const { service, before, limit } = query as { service?: string; before?: number; limit: number }
        const options = { limit, ...(service === undefined ? {} : { service }), ...(before === undefined ? {} : { before }) }
        return { status: 200, body: { revisions: parts.policies.history(options) } }
      },
    },
    {
      method: 'POST',
      path: '/v1/policies:rollback',
      summary: 'Writes a new revision with all policies as they were at an older one. 0 is the time before the first.',
      access: 'admin',
      query: forceQuery,
      body: { schema: rollbackSchema, example: { revision: 6 } },
      answers: {
        200: {
          meaning: 'Written; `changed: false` where all was so already.',
          schema: z.object({
            revision: z.number().int(),
            changed: z.boolean(),
            services: z.array(z.string()),
            warnings: z.array(z.string()),
          }),
          example: { revision: 8, changed: true, services: ['payment'], warnings: [] },
        },
      },
      problems: ['bad_policy', 'unknown_reference', 'unknown_revision', 'store_failed'],
      handle: (request) => rollback(request, parts),
    },
  ]
}

function rollback(request: ApiRequest, parts: PolicyParts): Promise<ApiAnswer> {
  const { revision } = request.body as z.output<typeof rollbackSchema>
  return parts.writes.inLine(async () => {
    const proposed = wayBack(revision, parts.policies)
    const { changed, warnings } = await writePolicies(request, proposed, { ...parts, action: 'policy.rollback' })
    const services = changed ? proposed.map(({ service }) => service) : []
    return { status: 200, body: { revision: parts.policies.revision, changed, services, warnings } }
  })
}

/** What must be written so that all is as it was: only what is another by now. */
function wayBack(revision: number, policies: PolicyStore): ProposedDocument[] {
  if (revision > policies.revision) {
    const message = `There is no revision ${revision}; the newest is ${policies.revision}.`
    throw new RequestProblem(422, 'unknown_revision', { message, problems: [{ path: 'revision', message }] })
  }
  const then = new Map(policies.at(revision).map((policy) => [policy.service, policy]))
  const gone = [...policies.all()].filter(({ service }) => !then.has(service)).map(({ service }) => ({ service, document: null }))
  const changed = [...then.values()].filter(({ service, revision: written }) => policies.get(service)?.revision !== written)
  return [...changed.map(({ service, document }) => ({ service, document })), ...gone]
}
