/** Instances of `orders` and callers of it, which find each other through Consul; all in this process. */

import { setTimeout as pause } from 'node:timers/promises'
import { createMesh, type Discovery, type Log, type Mesh } from '@zerohop/mesh-core'
import { consulEndpoints, consulRegistration } from '@zerohop/mesh-discovery/consul'
import { type MeshFetch, type MeshServer, meshFetch, serveHttp } from '@zerohop/mesh-http'
import type { ConsulCluster } from './consul.ts'
import { SteadyLoad } from './lanes.ts'
import { quietLog } from './quiet-log.ts'

/** A caller. */
export interface Caller {
  readonly mesh: Mesh
  readonly discovery: Discovery
  readonly fetch: MeshFetch
}

/** An instance. */
export interface Instance extends AsyncDisposable {
  readonly mesh: Mesh
  readonly server: MeshServer
}

/** A caller that finds `orders` by the cluster. */
export function callerOf(
  cluster: ConsulCluster,
  { log = quietLog, holdEmptyMs = 30_000 }: { log?: Log; holdEmptyMs?: number } = {},
): Caller {
  const discovery = consulEndpoints({ address: cluster.addresses, services: ['orders'], log, holdEmptyMs })
  const mesh = createMesh({ service: 'shop', discovery, log })
  return { mesh, discovery, fetch: meshFetch(mesh) }
}

/** An instance of `orders`; registered with the cluster unless it is a stranger to it. */
export async function instanceOf(cluster: ConsulCluster | null): Promise<Instance> {
  const registration =
    cluster === null ? {} : { registration: consulRegistration({ address: cluster.addresses, ttlMs: 3000, log: quietLog }) }
  const mesh = createMesh({ service: 'orders', log: quietLog, ...registration })
  const server = await serveHttp(mesh, (_request, response) => void response.end('ok'), { port: 0, host: '127.0.0.1', signals: false })
  return { mesh, server, [Symbol.asyncDispose]: () => mesh.close({ graceMs: 2000 }) }
}

/** The addresses that a caller uses now. */
export function addressesOf({ discovery }: Caller): string[] {
  return (discovery.watch('orders')?.current ?? []).map(({ address }) => address)
}

/** Calls from every caller, one after the other, until it is ended. */
export function loadFrom(callers: readonly Caller[]): SteadyLoad {
  return new SteadyLoad(callers.length, async (n) => {
    const response = await (callers[n % callers.length] as Caller).fetch('http://orders/')
    const text = await response.text()
    if (response.status !== 200 || text !== 'ok') throw new Error(`${response.status} ${text}`)
    // A load that leaves the processors to Consul.
    await pause(4)
  })
}
