/** `/v1/status`: the mesh as the control API sees it. */
import { schemaLevel, versionSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { instanceStatuses, type StatusParts, statusWarnings } from '../document/mesh-status.ts'
import type { Registry } from '../registry/registry.ts'
import type { PolicyStore } from '../store/policy-store.ts'
import type { Operation } from './operation.ts'
import { serviceNameSchema } from './poll-query.ts'

/** What the status needs. */
export interface StatusRouteParts extends StatusParts {
  readonly registry: Registry
  readonly policies: PolicyStore
}

const statusSchema = z.object({
  version: versionSchema,
  revision: z.number(),
  schema: z.number(),
  services: z.array(z.object({ service: z.string(), policy: z.number().nullable(), leased: z.number(), listed: z.number() })),
  instances: z.array(
    z.object({
      service: z.string(),
      instance: z.string(),
      sdk: z.string(),
      schema: z.number(),
      applied: versionSchema.nullable(),
      current: z.boolean(),
      refused: z.object({ version: z.string(), reason: z.string() }).nullable(),
      misses: z.array(z.string()),
      parked: z.boolean(),
      ageMs: z.number(),
    }),
  ),
  warnings: z.array(z.object({ code: z.string(), service: z.string(), message: z.string() })),
})

/** The operation. */
export function statusOperation(parts: StatusRouteParts): Operation {
  return {
    method: 'GET',
    path: '/v1/status',
    summary: 'What each process has applied or refused, who holds leases, and what somebody should look at.',
    access: 'admin',
    query: z.strictObject({ service: serviceNameSchema.optional().describe('Of this service alone.') }),
    answers: {
      200: {
        meaning: 'The mesh now.',
        schema: statusSchema,
        example: {
          version: '3f9a1c.10042',
          revision: 7,
          schema: 2,
          services: [{ service: 'payment', policy: 7, leased: 2, listed: 2 }],
          instances: [
            {
              service: 'cart',
              instance: 'cart-1',
              sdk: '0.1.0',
              schema: 2,
              applied: '3f9a1c.10042',
              current: true,
              refused: null,
              misses: [],
              parked: true,
              ageMs: 1200,
            },
          ],
          warnings: [{ code: 'no_instances', service: 'user', message: 'user has a policy, and no instance of it holds a lease.' }],
        },
      },
    },
    problems: ['bad_parameter'],
    handle: ({ query }) => ({ status: 200, body: statusOf(parts, query.service as string | undefined) }),
  }
}

function statusOf(parts: StatusRouteParts, service: string | undefined) {
  const { documents, policies } = parts
  return {
    version: documents.version,
    revision: policies.revision,
    schema: schemaLevel,
    services: servicesOf(parts, service),
    instances: instanceStatuses(parts, service),
    warnings: statusWarnings(parts, service),
  }
}

function servicesOf({ documents, policies }: StatusRouteParts, service: string | undefined) {
  const services: { service: string; policy: number | null; leased: number; listed: number }[] = []
  for (const { name, roll, isKnown } of documents.catalog.all()) {
    if (!isKnown || (service !== undefined && name !== service)) continue
    services.push({ service: name, policy: policies.get(name)?.revision ?? null, leased: roll?.size ?? 0, listed: roll?.listLength ?? 0 })
  }
  return services
}
