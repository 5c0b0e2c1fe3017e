/** Endpoints as the control API lists them, held for a while against a registry that lost its memory. */
import type { Clock, Timer } from '../kernel/clock.ts'
import type { Discovery, EndpointInfo } from '../kernel/discovery.ts'
import type { Log } from '../kernel/log.ts'
import { WatchSource } from '../kernel/watch.ts'

/** What a document says of endpoints, and how far it is to be believed. */
export interface EndpointNews {
  readonly endpoints: ReadonlyMap<string, { readonly list: readonly EndpointInfo[] }>
  /** True where the control API began a new life: it may know only those who have registered again so far. */
  readonly newEpoch: boolean
  /** False for services that this process has given up: their endpoints go without ado. */
  readonly wanted: (service: string) => boolean
}

// As long as a lease: within it every instance that lives has registered again.
const graceMs = 30_000

interface Listed {
  readonly source: WatchSource<readonly EndpointInfo[]>
  /** What the control API says; null where it does not know the service. */
  told: readonly EndpointInfo[] | null
  /** Endpoints that are kept though they are not told any more; null outside of a grace time. */
  kept: ReadonlyMap<string, EndpointInfo> | null
  /** True where the grace time ends with the first endpoint that is told. */
  untilTold: boolean
  timer: Timer | null
}

const none: readonly EndpointInfo[] = []

/** A kernel Discovery over the sections of the document. */
export class RegistryDiscovery implements Discovery {
  readonly name = 'control'
  readonly #clock: Clock
  readonly #log: Log
  readonly #services = new Map<string, Listed>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  watch(service: string): WatchSource<readonly EndpointInfo[]> | null {
    return this.#services.get(service)?.source ?? null
  }

  services(): readonly string[] {
    return [...this.#services.keys()]
  }

  /** The services of which endpoints are kept that the control API does not list. */
  get held(): readonly string[] {
    return [...this.#services].filter(([, { kept }]) => kept !== null).map(([service]) => service)
  }

  /** What callers use now: what a process after this one should begin with. */
  published(): ReadonlyMap<string, readonly EndpointInfo[]> {
    return new Map([...this.#services].map(([service, { source }]) => [service, source.current ?? none]))
  }

  /** Takes the endpoints of a whole document. */
  adopt({ endpoints, newEpoch, wanted }: EndpointNews): void {
    for (const [service, { list }] of endpoints) {
      const listed = this.#services.get(service)
      if (listed === undefined) this.#services.set(service, begin(list))
      else this.#tell(service, listed, { told: list, newEpoch })
    }
    for (const [service, listed] of [...this.#services]) {
      if (endpoints.has(service)) continue
      if (wanted(service)) this.#tell(service, listed, { told: null, newEpoch })
      else this.#end(service, listed)
    }
  }

  async close(): Promise<void> {
    for (const listed of this.#services.values()) {
      listed.timer?.cancel()
      listed.timer = null
    }
  }

  #tell(service: string, listed: Listed, news: { told: readonly EndpointInfo[] | null; newEpoch: boolean }): void {
    const { told, newEpoch } = news
    const shown = listed.source.current ?? none
    listed.told = told
    const isEmpty = (told ?? none).length === 0
    if (listed.kept === null && shown.length > 0 && (isEmpty || newEpoch)) this.#keep(service, listed, { shown, untilTold: !newEpoch })
    else if (listed.kept !== null && listed.untilTold && !isEmpty) this.#letGo(listed)
    this.#publish(service, listed)
  }

  #keep(service: string, listed: Listed, { shown, untilTold }: { shown: readonly EndpointInfo[]; untilTold: boolean }): void {
    listed.kept = new Map(shown.map((info) => [info.address, info]))
    listed.untilTold = untilTold
    listed.timer = this.#clock.setTimer(graceMs, () => {
      this.#letGo(listed)
      const left = (listed.told ?? none).length
      if (left === 0) this.#log.warn(`${service}: the control API has listed no endpoint for ${graceMs / 1000} s, and is believed`)
      this.#publish(service, listed)
    })
    if (untilTold) {
      this.#log.warn(
        `${service}: the control API lists no endpoint any more; the last ${shown.length} are used for ${graceMs / 1000} s yet`,
      )
    }
  }

  #letGo(listed: Listed): void {
    listed.timer?.cancel()
    listed.timer = null
    listed.kept = null
  }

  #publish(service: string, listed: Listed): void {
    const { told, kept, source } = listed
    if (told === null && kept === null) {
      this.#end(service, listed)
      return
    }
    let next = told ?? none
    if (kept !== null) {
      const addresses = new Set(next.map(({ address }) => address))
      next = [...next, ...[...kept.values()].filter(({ address }) => !addresses.has(address))]
    }
    if (!same(next, source.current ?? none)) source.set(next)
  }

  /** The service is gone: whoever still follows it hears that it has no endpoints, and finds a new source when it comes back. */
  #end(service: string, listed: Listed): void {
    this.#letGo(listed)
    this.#services.delete(service)
    if ((listed.source.current ?? none).length > 0) listed.source.set(none)
  }
}

function begin(told: readonly EndpointInfo[]): Listed {
  return { source: new WatchSource(told), told, kept: null, untilTold: false, timer: null }
}

// Records that did not change are the same objects from one document to the next.
function same(a: readonly EndpointInfo[], b: readonly EndpointInfo[]): boolean {
  return a === b || (a.length === b.length && a.every((info, index) => info === b[index]))
}
