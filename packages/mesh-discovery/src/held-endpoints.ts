/** The endpoints of one service as callers use them: what a registry tells, and what is kept against a registry that has suddenly forgotten. */
import { type EndpointInfo, type Watch, WatchSource } from '@zerohop/mesh-core'
import type { Clock, Log, Timer } from '@zerohop/mesh-core/transport'

/** What it stands on. */
export interface HeldEndpointsOptions {
  /** Begins every line of the log: `consul: payment`. */
  readonly title: string
  readonly clock: Clock
  readonly log: Log
  /** How long a full list is kept against a sudden empty one. */
  readonly holdEmptyMs: number
}

const none: readonly EndpointInfo[] = []

/** One per service. */
export class HeldEndpoints {
  readonly #options: HeldEndpointsOptions
  readonly #source = new WatchSource<readonly EndpointInfo[]>()
  #told: ReadonlyMap<string, EndpointInfo> = new Map()
  /** Endpoints that are used whether they are told or not; null while the registry is believed. */
  #kept: ReadonlyMap<string, EndpointInfo> | null = null
  /** True where the registry began a new life: an empty list of it is believed only after it has told of an endpoint. */
  #isReborn = false
  #timer: Timer | null = null

  constructor(options: HeldEndpointsOptions) {
    this.#options = options
  }

  /** What callers follow. */
  get watch(): Watch<readonly EndpointInfo[]> {
    return this.#source
  }

  /** How many follow it. */
  get listeners(): number {
    return this.#source.listeners
  }

  /** How many endpoints are used that the registry does not list any more. */
  get held(): number {
    let count = 0
    for (const address of this.#kept?.keys() ?? []) if (!this.#told.has(address)) count++
    return count
  }

  /**
   * Takes what the registry tells now; the first of two records with one address counts.
   * @param isReborn true where the registry may have lost what it knew: what it does not list may be there all the same
   */
  tell(endpoints: readonly EndpointInfo[], isReborn = false): void {
    const shown = byAddress(this.#source.current ?? none)
    this.#told = unchangedKept(endpoints, shown)
    const isEmpty = this.#told.size === 0
    const isShort = [...shown.keys()].some((address) => !this.#told.has(address))
    if (isReborn && isShort) this.#keepReborn(shown)
    else if (this.#kept === null && isEmpty && shown.size > 0) this.#keepEmpty(shown)
    else if (this.#kept !== null && !isEmpty) this.#tellMore()
    this.#publish()
  }

  /** Ends the grace time; the last endpoints stay readable. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #keepReborn(shown: ReadonlyMap<string, EndpointInfo>): void {
    const { title, log } = this.#options
    this.#kept = shown
    this.#isReborn = true
    log.error(
      `${title}: the registry seems to have lost what it knew and lists ${this.#told.size} endpoints; the last ${shown.size} are kept`,
    )
    if (this.#told.size > 0) this.#begin()
    else this.close()
  }

  #keepEmpty(shown: ReadonlyMap<string, EndpointInfo>): void {
    const { title, log, holdEmptyMs } = this.#options
    this.#kept = shown
    log.warn(`${title}: the registry lists no endpoint any more; the last ${shown.size} are used for ${holdEmptyMs / 1000} s yet`)
    this.#begin()
  }

  // In a new life of the registry the instances come back one by one: the first one must not get the calls of all.
  #tellMore(): void {
    if (!this.#isReborn) this.#letGo()
    else if (this.#timer === null) this.#begin()
  }

  #begin(): void {
    this.close()
    this.#timer = this.#options.clock.setTimer(this.#options.holdEmptyMs, () => {
      this.#timer = null
      // It forgot again, before the time was over.
      if (this.#isReborn && this.#told.size === 0) return
      const { title, log, holdEmptyMs } = this.#options
      if (this.#told.size === 0) log.warn(`${title}: the registry has listed no endpoint for ${holdEmptyMs / 1000} s, and is believed`)
      this.#letGo()
      this.#publish()
    })
  }

  #letGo(): void {
    this.close()
    this.#kept = null
    this.#isReborn = false
  }

  #publish(): void {
    const next = this.#kept === null ? this.#told : new Map([...this.#kept, ...this.#told])
    const { current } = this.#source
    if (current === undefined || !same(current, next)) this.#source.set([...next.values()])
  }
}

function byAddress(endpoints: readonly EndpointInfo[]): ReadonlyMap<string, EndpointInfo> {
  return new Map(endpoints.map((info) => [info.address, info]))
}

/** A record that says what the last one said is the same object: whoever follows the list compares no more than that. */
function unchangedKept(endpoints: readonly EndpointInfo[], before: ReadonlyMap<string, EndpointInfo>): ReadonlyMap<string, EndpointInfo> {
  const next = new Map<string, EndpointInfo>()
  for (const info of endpoints) {
    if (next.has(info.address)) continue
    const known = before.get(info.address)
    next.set(info.address, known !== undefined && says(known, info) ? known : info)
  }
  return next
}

function says(a: EndpointInfo, b: EndpointInfo): boolean {
  const names = Object.keys(a.labels)
  return (
    a.zone === b.zone &&
    a.weight === b.weight &&
    names.length === Object.keys(b.labels).length &&
    names.every((name) => Object.hasOwn(b.labels, name) && a.labels[name] === b.labels[name])
  )
}

// In whatever order: registries and name servers shuffle what they list.
function same(shown: readonly EndpointInfo[], next: ReadonlyMap<string, EndpointInfo>): boolean {
  return shown.length === next.size && shown.every((info) => next.get(info.address) === info)
}
