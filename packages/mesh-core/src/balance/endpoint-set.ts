/** The endpoints of one service as discovery last told them; an endpoint keeps its identity across updates. */
import type { EndpointInfo } from '../kernel/discovery.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import type { Watch } from '../kernel/watch.ts'
import { endpointFlaw } from './endpoint-flaw.ts'

/** What a set tells of its changes. */
export interface EndpointSetListener {
  /** Called before any pick can meet the endpoint. */
  added(endpoint: Endpoint): void
  /** Called when no pick can meet the endpoint any more. */
  removed(endpoint: Endpoint): void
  changed(count: number): void
  /** Discovery told of endpoints that cannot be called: they are left out. */
  flawed(problem: string): void
}

/** Follows a Watch of endpoints. */
export class EndpointSet {
  /** False until discovery has told anything at all. */
  known = false
  /** True once the mesh has closed: there will be no endpoints any more. */
  closed = false
  /** Moves with every change of the list; pools are made anew then. */
  generation = 0
  /** Moves whenever an endpoint goes out of balance or comes back; pools count anew then. */
  standing = 0
  readonly #service: string
  readonly #listener: EndpointSetListener
  // In the order of the list that was told last.
  #endpoints: readonly Endpoint[] = []
  readonly #byAddress = new Map<string, Endpoint>()
  #updates = 0
  #watch: Watch<readonly EndpointInfo[]> | null = null
  #unsubscribe: (() => void) | null = null
  readonly #arrivals = new Set<() => void>()

  constructor(service: string, listener: EndpointSetListener) {
    this.#service = service
    this.#listener = listener
  }

  get all(): readonly Endpoint[] {
    return this.#endpoints
  }

  get size(): number {
    return this.#endpoints.length
  }

  /** Follows `watch` from now on, in place of any other; null: discovery does not know the service, and it has no endpoints. */
  follow(watch: Watch<readonly EndpointInfo[]> | null): void {
    if (this.closed || (watch === this.#watch && (watch !== null || this.known))) return
    this.#unsubscribe?.()
    this.#watch = watch
    this.#unsubscribe = watch?.subscribe((infos) => this.#adopt(infos)) ?? null
    if (watch === null) this.#empty()
    else if (watch.current !== undefined) this.#adopt(watch.current)
  }

  /** Calls `arrived` once discovery has told anything; returns how to stop waiting. */
  whenKnown(arrived: () => void): () => void {
    this.#arrivals.add(arrived)
    return () => this.#arrivals.delete(arrived)
  }

  /** Lets go of the Watch and of every endpoint. Whoever waits for the first ones waits no longer. */
  close(): void {
    this.closed = true
    this.#unsubscribe?.()
    this.#unsubscribe = null
    this.#updates++
    this.#replace([])
  }

  // What is empty already changes nothing, and nobody is told.
  #empty(): void {
    if (!this.known || this.size > 0) this.#adopt([])
  }

  // Of ten thousand endpoints usually one has changed: most are found in their old places, without a look at the map.
  #adopt(infos: readonly EndpointInfo[]): void {
    const before = this.#endpoints
    const update = ++this.#updates
    const next: Endpoint[] = []
    const added: Endpoint[] = []
    const flaws: string[] = []
    let place = 0
    for (const info of infos) {
      let endpoint = before[place]
      // One that left shifts those after it by one place.
      if (endpoint?.address !== info?.address) endpoint = before[++place]
      if (endpoint?.address === info?.address) place++
      else {
        place--
        endpoint = this.#byAddress.get(info?.address)
      }
      const flaw = endpointFlaw(info, endpoint !== undefined)
      if (flaw !== '') {
        flaws.push(flaw)
        continue
      }
      if (endpoint === undefined) {
        endpoint = new Endpoint(this.#service, info)
        this.#byAddress.set(info.address, endpoint)
        added.push(endpoint)
      }
      endpoint.labels = info.labels
      endpoint.zone = info.zone
      endpoint.weight = info.weight
      // Listed twice, it is one endpoint all the same: what is said last counts.
      if (endpoint.listedIn !== update) next.push(endpoint)
      endpoint.listedIn = update
    }
    for (const endpoint of added) this.#listener.added(endpoint)
    this.#replace(next)
    if (flaws.length > 0) this.#listener.flawed(`${flaws.length} of ${infos.length} endpoints are left out, the first one ${flaws[0]}`)
    this.#listener.changed(next.length)
  }

  #replace(next: readonly Endpoint[]): void {
    const before = this.#endpoints
    this.#endpoints = next
    this.generation++
    this.known = true
    // Only now, when no pick can meet them any more.
    for (const endpoint of before) {
      if (endpoint.listedIn === this.#updates) continue
      this.#byAddress.delete(endpoint.address)
      this.#listener.removed(endpoint)
      endpoint.retire()
    }
    for (const arrived of this.#arrivals) arrived()
    this.#arrivals.clear()
  }
}
