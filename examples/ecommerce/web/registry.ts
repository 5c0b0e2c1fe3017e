/** Where the services of the shop find each other: at the control API, or in the Consul that the environment names. */
import type { MeshOptions } from '@zerohop/mesh-core'
import { setting } from './settings.ts'

/** The options by which a process registers with that Consul, and looks up there the services that it calls; none where there is no Consul. */
export async function registry({ calls }: { readonly calls: readonly string[] }): Promise<Pick<MeshOptions, 'discovery' | 'registration'>> {
  const address = process.env.SHOP_CONSUL ?? ''
  if (address === '') return {}
  // Not loaded where it is not needed: the package `consul` is an optional one.
  const { consulEndpoints, consulRegistration } = await import('@zerohop/mesh-discovery/consul')
  return {
    discovery: consulEndpoints({ address, services: calls }),
    registration: consulRegistration({ address, ttlMs: Number(setting('SHOP_CONSUL_TTL_MS')) }),
  }
}
