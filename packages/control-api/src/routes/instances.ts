/** Leases: an instance says where it is and that it is there. */
import { instanceIdSchema, type LeaseRequest, leaseAnswerSchema, leaseRequestSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'
import { type Registry, RegistryFull } from '../registry/registry.ts'
import type { ApiAnswer, ApiRequest, Operation } from './operation.ts'
import { serviceNameSchema } from './poll-query.ts'
import { RequestProblem } from './problem.ts'

/** What leases need. */
export interface InstancesParts {
  readonly registry: Registry
  readonly leaseMs: number
}

const mostLabels = 64
// A sixth: five renewals may be lost, or a process be busy for most of the lease, before the lease is.
const renewalsPerLease = 6
const address = /^(?:\[[0-9a-fA-F:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,252})):(\d{1,5})$/

const params = z.strictObject({ service: serviceNameSchema, instance: instanceIdSchema })
const lease = leaseRequestSchema.superRefine(({ labels, address: given }, context) => {
  const port = Number(address.exec(given)?.[2] ?? 0)
  if (port < 1 || port > 65_535)
    context.addIssue({ code: 'custom', path: ['address'], message: 'expected "host:port", an IPv6 host in brackets' })
  if (Object.keys(labels).length > mostLabels) {
    context.addIssue({ code: 'custom', path: ['labels'], message: `expected at most ${mostLabels} labels` })
  }
})

/** Operations on leases. */
export function instanceOperations({ registry, leaseMs }: InstancesParts): Operation[] {
  const answer = { status: 200, body: JSON.stringify({ leaseMs, renewMs: Math.max(100, Math.floor(leaseMs / renewalsPerLease)) }) }
  const put = ({ params: { service = '', instance = '' }, body }: ApiRequest): ApiAnswer => {
    try {
      registry.renew(service, instance, body as LeaseRequest)
    } catch (error) {
      if (!(error instanceof RegistryFull)) throw error
      throw new RequestProblem(429, 'too_many_instances', { message: error.message, headers: { 'retry-after': '30' } })
    }
    return { ...answer, headers: { 'content-type': 'application/json' } }
  }
  return [
    {
      method: 'PUT',
      path: '/v1/instances/{service}/{instance}',
      summary: 'Takes a lease, or renews it: until it ends, callers of the service see the instance.',
      access: 'service',
      params,
      body: {
        schema: lease,
        example: { address: '10.0.0.7:8080', labels: { version: 'v1' }, zone: 'a', weight: 1, healthy: true },
      },
      answers: {
        200: { meaning: 'The lease is held.', schema: leaseAnswerSchema, example: { leaseMs: 30_000, renewMs: 5000 } },
      },
      problems: ['bad_parameter', 'bad_body', 'too_many_instances'],
      handle: put,
    },
    {
      method: 'DELETE',
      path: '/v1/instances/{service}/{instance}',
      summary: 'Ends a lease: callers stop sending within moments. Without a lease it does nothing.',
      access: 'service',
      params,
      answers: { 204: { meaning: 'The instance holds no lease.' } },
      problems: ['bad_parameter'],
      handle: ({ params: { service = '', instance = '' } }) => {
        registry.release(service, instance)
        return { status: 204 }
      },
    },
  ]
}
