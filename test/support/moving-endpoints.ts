/** Endpoints that a test moves: a source of discovery held in the hand. */
import { type Discovery, type EndpointInfo, WatchSource } from '@zerohop/mesh-core'

/** Knows a service from the moment at which it is first placed. */
export class MovingEndpoints implements Discovery {
  readonly name = 'moving'
  readonly #services = new Map<string, WatchSource<readonly EndpointInfo[]>>()

  /** From now on the service stands at these addresses; each may carry a version. */
  place(service: string, addresses: readonly (string | { address: string; version: string })[]): void {
    const infos = addresses.map((given) => {
      const { address, version } = typeof given === 'string' ? { address: given, version: '' } : given
      return { address, labels: version === '' ? {} : { version }, zone: '', weight: 1 }
    })
    const known = this.#services.get(service)
    if (known === undefined) this.#services.set(service, new WatchSource<readonly EndpointInfo[]>(infos))
    else known.set(infos)
  }

  /** The service is no more: its endpoints go, and nobody finds it any longer. */
  remove(service: string): void {
    this.#services.get(service)?.set([])
    this.#services.delete(service)
  }

  watch(service: string): WatchSource<readonly EndpointInfo[]> | null {
    return this.#services.get(service) ?? null
  }

  services(): readonly string[] {
    return [...this.#services.keys()]
  }

  async close(): Promise<void> {}
}
