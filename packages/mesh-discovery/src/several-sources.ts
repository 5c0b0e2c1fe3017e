/** What every combination of sources does alike: their names, their services, their freshness, their end. */
import { type Discovery, type Freshness, MeshError } from '@zerohop/mesh-core'

/** A Discovery but for its way to answer. */
export type SeveralSources = Omit<Discovery, 'watch'> & { freshness(): Iterable<Freshness> }

/**
 * Takes `sources` together.
 * @param where the function that was called, for messages
 * @throws MeshError BAD_ENDPOINTS where there are none, or where one is none
 */
export function severalSources(where: string, sources: readonly Discovery[]): SeveralSources {
  const problems = sources.length === 0 ? ['expected at least one source of endpoints'] : []
  for (const [index, source] of sources.entries()) {
    const isSource = ['watch', 'services', 'close'].every((part) => typeof (source as never)?.[part] === 'function')
    if (!isSource) problems.push(`source ${index + 1}: expected a source of endpoints, such as staticEndpoints({ … })`)
  }
  if (problems.length > 0) throw new MeshError({ code: 'BAD_ENDPOINTS', message: `${where}: ${problems.join('; ')}` })
  return {
    name: sources.map(({ name }) => name).join(' and '),
    services: () => [...new Set(sources.flatMap((source) => source.services()))],
    freshness: () => sources.flatMap((source) => [...(source.freshness?.() ?? [])]),
    close: async () => {
      const ends = await Promise.allSettled(sources.map((source) => source.close()))
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}
