/** Who would feel the change of a policy. */
import type { KnownClient, MeshView } from './mesh-view.ts'

/** Instances, the first so many of them by name, and a sentence about all. */
export interface Audience {
  readonly instances: readonly KnownClient[]
  readonly words: string
}

const mostNamed = 1000
const mostServices = 10

/** The instances that hold the policy of `service` in their documents. */
export function audienceOf(service: string, meshView: MeshView): Audience {
  const clients = meshView.clientsOf(service)
  if (clients.length === 0) return { instances: [], words: 'no instance uses it now' }
  const counts = new Map<string, number>()
  for (const client of clients) counts.set(client.service, (counts.get(client.service) ?? 0) + 1)
  const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  const shown = sorted.slice(0, mostServices).map(([name, count]) => `${count} of ${name}`)
  const rest = sorted.length > mostServices ? ` and of ${sorted.length - mostServices} other services` : ''
  const words = `felt by ${clients.length} ${clients.length === 1 ? 'instance' : 'instances'}: ${shown.join(', ')}${rest}`
  return { instances: clients.slice(0, mostNamed), words }
}
