/** Who wrote what, and when. */
import { z } from 'zod'
import type { AuditStore } from '../store/audit-store.ts'
import type { Operation } from './operation.ts'
import { pageQuery } from './page-query.ts'

const entrySchema = z.object({
  number: z.number().int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  by: z.string(),
  remote: z.string(),
  action: z.string(),
  subject: z.string(),
  revision: z.number().int().nullable(),
  forced: z.boolean(),
})

/** `/v1/audit`. */
export function auditOperations(audit: AuditStore): Operation[] {
  return [
    {
      method: 'GET',
      path: '/v1/audit',
      summary: 'Every write, the newest first; the newest 100,000 of people and as many of services are kept.',
      access: 'admin',
      query: pageQuery,
      answers: {
        200: {
          meaning: 'Entries.',
          schema: z.object({ entries: z.array(entrySchema) }),
          example: {
            entries: [
              {
                number: 12,
                at: 1_790_000_000_000,
                by: 'admin (Zq3kR0vT8w1A)',
                remote: '127.0.0.1',
                action: 'policy.put',
                subject: 'payment',
                revision: 7,
                forced: false,
              },
            ],
          },
        },
      },
      handle: ({ query }) => {
        const { before, limit } = query as { before?: number; limit: number }
        return { status: 200, body: { entries: audit.list({ limit, ...(before === undefined ? {} : { before }) }) } }
      },
    },
  ]
}
