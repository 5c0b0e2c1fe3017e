/** Whether the control API is alive, whether it can do its work, and what it measures. */
import { z } from 'zod'
import type { Metrics } from '../observe/metrics.ts'
import type { PolicyStore } from '../store/policy-store.ts'
import type { Operation } from './operation.ts'
import { RequestProblem } from './problem.ts'
import type { Writes } from './writes.ts'

/** What they look at. */
export interface HealthParts {
  readonly metrics: Metrics
  readonly policies: PolicyStore
  readonly writes: Writes
}

/** `/healthz`, `/readyz`, `/metrics`. */
export function healthOperations({ metrics, policies, writes }: HealthParts): Operation[] {
  const startedAt = performance.now()
  metrics.gauge('zerohop_control_revision', 'The newest revision of the policies.', () => policies.revision)
  metrics.gauge('zerohop_control_policies', 'Policies, the defaults among them.', () => [...policies.all()].length)
  metrics.gauge('zerohop_control_up_seconds', 'Since the start of the process.', () => (performance.now() - startedAt) / 1000)
  metrics.gauge('zerohop_control_memory_bytes', 'Memory of the process: resident, and in use on the heap.', () => {
    const { rss, heapUsed } = process.memoryUsage()
    return [
      { labels: { kind: 'resident' }, value: rss },
      { labels: { kind: 'heap' }, value: heapUsed },
    ]
  })
  const fine = { schema: z.object({ ok: z.literal(true) }), example: { ok: true } }
  return [
    {
      method: 'GET',
      path: '/healthz',
      summary: 'Answers as long as the process does.',
      access: 'open',
      answers: { 200: { meaning: 'Alive.', ...fine } },
      handle: () => ({ status: 200, body: { ok: true } }),
    },
    {
      method: 'GET',
      path: '/readyz',
      summary: 'Whether writes can be stored: no longer after the disk has refused one, until it takes one again.',
      access: 'open',
      answers: { 200: { meaning: 'Ready.', ...fine } },
      problems: ['store_failed'],
      handle: () => {
        if (writes.failedAt === null) return { status: 200, body: { ok: true } }
        const message = `The disk has refused a write at ${new Date(writes.failedAt).toISOString()}; what was stored before is still served.`
        throw new RequestProblem(503, 'store_failed', { message })
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      summary: 'Metrics as Prometheus reads them.',
      access: 'open',
      answers: { 200: { meaning: 'The page, as text.', schema: z.string(), example: 'zerohop_control_revision 7\n' } },
      handle: async () => ({ status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.page() }),
    },
  ]
}
