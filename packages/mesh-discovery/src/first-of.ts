/** Several sources of endpoints, of which the first one that knows a service answers for it. */
import type { Discovery } from '@zerohop/mesh-core'
import { severalSources } from './several-sources.ts'

/**
 * Asks `sources` in their order: `firstOf(fileEndpoints('./overrides.yaml'), consulEndpoints({ … }))`. A source that knows the service answers for it
 * also where it has no endpoints for it.
 * @throws MeshError BAD_ENDPOINTS for something that is no source
 */
export function firstOf(...sources: readonly Discovery[]): Discovery {
  const several = severalSources('firstOf', sources)
  return {
    ...several,
    name: `first of ${several.name}`,
    watch: (service) => {
      for (const source of sources) {
        const watch = source.watch(service)
        if (watch !== null) return watch
      }
      return null
    },
  }
}
