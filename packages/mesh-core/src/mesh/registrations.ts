/** Where a mesh's servers are listed: with its control API, with a registry of the program's own choice, or with both. */
import type { Control } from '../control/control.ts'
import { runUnder } from '../kernel/ambient.ts'
import type { EndpointInfo } from '../kernel/discovery.ts'
import type { Registered, Registrar } from '../kernel/registrar.ts'
import { untraced } from '../observe/otel.ts'
import type { MeshOptions } from './mesh-options.ts'
import { isTurnedOff } from './off-switch.ts'

/** The places there are; null for none. */
export interface Registries {
  readonly control: Control | null
  readonly registrar: Registrar | null
}

/** The registry that the options name; null where they name none, and where the mesh is turned off. */
export function registrarOf(options: MeshOptions): Registrar | null {
  return isTurnedOff() ? null : (options.registration ?? null)
}

/** Lists `server` in every place; null where there is none. */
export function registerWith({ control, registrar }: Registries, service: string, server: EndpointInfo): Registered | null {
  // Outside of any request and trace: what is begun here goes on for as long as the server serves.
  const own = registrar === null ? null : runUnder(null, () => untraced(() => registrar.register(service, server)))
  const places = [control?.register(server) ?? null, own].filter((place) => place !== null)
  if (places.length === 0) return null
  return {
    relist: async (changed) => {
      const said = { ...changed, zone: changed.zone || server.zone }
      await Promise.all(places.map((place) => place.relist(said)))
    },
    release: async () => {
      await Promise.all(places.map((place) => place.release()))
    },
  }
}
