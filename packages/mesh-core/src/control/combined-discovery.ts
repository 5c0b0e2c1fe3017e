/** The discovery of a mesh with a control API: the program's own one first, then the control API's registry. */
import type { Discovery, EndpointInfo, Freshness } from '../kernel/discovery.ts'
import type { Watch } from '../kernel/watch.ts'

/** What the combination asks of the control API's side. */
export interface Inquiry {
  /** True where an answer about the service is on its way, and a call should wait for it; asks where nobody has. */
  awaits(service: string): boolean
}

/** Own endpoints win; policies come from the control API for both, so that also a service of the program's own is asked about at its first call. */
export class CombinedDiscovery implements Discovery {
  readonly name: string
  readonly #own: Discovery | null
  readonly #registry: Discovery
  readonly #inquiry: Inquiry

  constructor(own: Discovery | null, registry: Discovery, inquiry: Inquiry) {
    this.name = own === null ? registry.name : `${own.name} and ${registry.name}`
    this.#own = own
    this.#registry = registry
    this.#inquiry = inquiry
  }

  watch(service: string): Watch<readonly EndpointInfo[]> | null {
    if (this.#inquiry.awaits(service)) return null
    return this.#own?.watch(service) ?? this.#registry.watch(service)
  }

  services(): readonly string[] {
    return [...new Set([...(this.#own?.services() ?? []), ...this.#registry.services()])]
  }

  *freshness(): Iterable<Freshness> {
    yield* this.#own?.freshness?.() ?? []
  }

  async close(): Promise<void> {
    await Promise.all([this.#own?.close(), this.#registry.close()])
  }
}
