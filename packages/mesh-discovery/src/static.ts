/** Endpoints from code, which never change: for a laptop, a test, a fixed set of machines. */
import { type Discovery, type EndpointInfo, MeshError, WatchSource } from '@zerohop/mesh-core'
import { complaintText, plainData } from '@zerohop/mesh-core/policy'
import { type EndpointInput, readEndpointTable } from './endpoint-table.ts'

/**
 * Endpoints by the name of their service: `staticEndpoints({ inventory: ['10.0.0.1:8080', { address: '10.0.0.2:8080', version: 'v2' }] })`.
 * @throws MeshError BAD_ENDPOINTS with every problem
 */
export function staticEndpoints(endpoints: Readonly<Record<string, readonly EndpointInput[]>>): Discovery {
  const { value, complaints } = plainData(endpoints)
  const reading = complaints.length > 0 ? { ok: false as const, complaints } : readEndpointTable(value)
  if (!reading.ok) {
    const problems = reading.complaints.map(complaintText)
    throw new MeshError({ code: 'BAD_ENDPOINTS', message: `staticEndpoints: ${problems.join('; ')}` })
  }
  const watches = new Map<string, WatchSource<readonly EndpointInfo[]>>()
  for (const [service, list] of reading.value) watches.set(service, new WatchSource(list))
  return {
    name: 'static',
    watch: (service) => watches.get(service) ?? null,
    services: () => [...watches.keys()],
    close: async () => {},
  }
}
