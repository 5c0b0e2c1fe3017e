/** Several sources of endpoints, whose endpoints for a service are taken together. */
import { type Discovery, type EndpointInfo, type Watch, WatchSource } from '@zerohop/mesh-core'
import { severalSources } from './several-sources.ts'

/**
 * The endpoints of all `sources`, as while a service moves from one registry to another. Of an address that two of them list, the earlier one's
 * record counts. A source that has not answered yet is not waited for.
 * @throws MeshError BAD_ENDPOINTS for something that is no source
 */
export function merge(...sources: readonly Discovery[]): Discovery {
  const several = severalSources('merge', sources)
  const merged = new Map<string, MergedWatch>()
  return {
    ...several,
    watch: (service) => {
      const watches = sources.map((source) => source.watch(service)).filter((watch) => watch !== null)
      if (watches.length === 0) {
        merged.delete(service)
        return null
      }
      const known = merged.get(service)
      if (known?.isOf(watches)) return known
      const watch = new MergedWatch(watches)
      merged.set(service, watch)
      return watch
    },
  }
}

/** Follows its parts only while somebody follows it. */
class MergedWatch implements Watch<readonly EndpointInfo[]> {
  readonly #parts: readonly Watch<readonly EndpointInfo[]>[]
  readonly #source = new WatchSource<readonly EndpointInfo[]>()
  #stop: readonly (() => void)[] = []

  constructor(parts: readonly Watch<readonly EndpointInfo[]>[]) {
    this.#parts = parts
  }

  /** True where it is made of exactly these. */
  isOf(parts: readonly Watch<readonly EndpointInfo[]>[]): boolean {
    return parts.length === this.#parts.length && parts.every((part, index) => part === this.#parts[index])
  }

  get current(): readonly EndpointInfo[] | undefined {
    return this.#source.listeners > 0 ? this.#source.current : together(this.#parts)
  }

  subscribe(listener: (value: readonly EndpointInfo[]) => void): () => void {
    if (this.#source.listeners === 0) {
      this.#source.current = together(this.#parts)
      this.#stop = this.#parts.map((part) => part.subscribe(() => this.#source.set(together(this.#parts) ?? [])))
    }
    const stop = this.#source.subscribe(listener)
    return () => {
      stop()
      if (this.#source.listeners > 0) return
      for (const leave of this.#stop) leave()
      this.#stop = []
    }
  }
}

/** What is known so far; undefined where no part knows anything. */
function together(parts: readonly Watch<readonly EndpointInfo[]>[]): readonly EndpointInfo[] | undefined {
  const known = parts.map(({ current }) => current).filter((list) => list !== undefined)
  if (known.length === 0) return undefined
  const byAddress = new Map<string, EndpointInfo>()
  for (const info of known.flat()) if (!byAddress.has(info.address)) byAddress.set(info.address, info)
  return [...byAddress.values()]
}
