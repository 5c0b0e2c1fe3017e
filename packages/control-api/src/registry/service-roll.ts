/** The leases of one service, and the list of endpoints that its callers see of them. */
import { type EndpointRecord, EndpointsHash, endpointHash } from '@zerohop/mesh-core/policy'
import { ChangeLog, type ListChanges } from './change-log.ts'

/** One instance's lease. */
export interface HeldLease {
  readonly instance: string
  readonly endpoint: EndpointRecord
  readonly healthy: boolean
  /** On the registry's own time, which stands still while the process does. */
  heardAt: number
}

/** One endpoint as callers see it. */
interface ListedEndpoint {
  readonly endpoint: EndpointRecord
  /** The endpoint as JSON: a long list is put together from these, never from objects. */
  readonly text: string
  readonly part: bigint
}

/**
 * An address belongs to the instance that took it last: a process that was killed and started again is listed as what it is now, while the
 * lease of its predecessor runs out unseen. Whoever says that it is not healthy keeps its lease and is not listed.
 */
export class ServiceRoll {
  readonly #leases = new Map<string, HeldLease>()
  /** Instances by address, the last to take it at the end. */
  readonly #claims = new Map<string, HeldLease[]>()
  readonly #listed = new Map<string, ListedEndpoint>()
  readonly #hash = new EndpointsHash()
  readonly #log: ChangeLog
  readonly #nextIndex: () => number
  #bytes = 0

  constructor(index: number, nextIndex: () => number) {
    this.#log = new ChangeLog(index)
    this.#nextIndex = nextIndex
  }

  /** Instances that hold a lease. */
  get size(): number {
    return this.#leases.size
  }

  /** Endpoints that callers see. */
  get listLength(): number {
    return this.#listed.size
  }

  /** How much of a document all leases would have, if this one were taken. */
  bytesWith(instance: string, endpoint: EndpointRecord): number {
    const before = this.#leases.get(instance)
    return this.#bytes - (before === undefined ? 0 : bytesOf(before.endpoint)) + bytesOf(endpoint)
  }

  get hash(): string {
    return this.#hash.text
  }

  get leases(): Iterable<HeldLease> {
    return this.#leases.values()
  }

  /** Changes that the log still knows. */
  get logLength(): number {
    return this.#log.length
  }

  get(instance: string): HeldLease | undefined {
    return this.#leases.get(instance)
  }

  /** Takes a lease, or changes what it says. True where callers see a difference. */
  put(lease: HeldLease): boolean {
    const { instance, endpoint } = lease
    const before = this.#leases.get(instance)
    this.#bytes = this.bytesWith(instance, endpoint)
    this.#leases.set(instance, lease)
    const claimants = this.#claims.get(endpoint.address) ?? []
    if (before?.endpoint.address === endpoint.address) {
      claimants[claimants.indexOf(before)] = lease
      return this.#list(endpoint.address)
    }
    claimants.push(lease)
    this.#claims.set(endpoint.address, claimants)
    const hasLeft = before !== undefined && this.#leave(before)
    return this.#list(endpoint.address) || hasLeft
  }

  /** Ends a lease. True where callers see a difference. */
  drop(instance: string): boolean {
    const lease = this.#leases.get(instance)
    if (lease === undefined) return false
    this.#leases.delete(instance)
    this.#bytes -= bytesOf(lease.endpoint)
    return this.#leave(lease)
  }

  /** The whole list as a JSON array. */
  get listText(): string {
    const texts: string[] = []
    for (const { text } of this.#listed.values()) texts.push(text)
    return `[${texts.join(',')}]`
  }

  /** What happened to the list after `index`; null where that is no longer known, or nothing. */
  changesSince(index: number): ListChanges | null {
    return this.#log.since(index)
  }

  /** The endpoint at an address as JSON; undefined where callers see none. */
  textOf(address: string): string | undefined {
    return this.#listed.get(address)?.text
  }

  #leave(lease: HeldLease): boolean {
    const { address } = lease.endpoint
    const claimants = this.#claims.get(address) as HeldLease[]
    claimants.splice(claimants.indexOf(lease), 1)
    if (claimants.length === 0) this.#claims.delete(address)
    return this.#list(address)
  }

  #list(address: string): boolean {
    const owner = this.#claims.get(address)?.at(-1)
    const now = owner?.healthy === true ? listed(owner.endpoint) : undefined
    const before = this.#listed.get(address)
    if (before?.part === now?.part) return false
    const hashBefore = this.#hash.text
    if (before !== undefined) this.#hash.remove(before.part)
    if (now === undefined) this.#listed.delete(address)
    else {
      this.#hash.add(now.part)
      this.#listed.set(address, now)
    }
    this.#log.note({ index: this.#nextIndex(), address, hashBefore }, this.#listed.size)
    return true
  }
}

function bytesOf(endpoint: EndpointRecord): number {
  return Buffer.byteLength(JSON.stringify(endpoint))
}

function listed(endpoint: EndpointRecord): ListedEndpoint {
  return { endpoint, text: JSON.stringify(endpoint), part: endpointHash(endpoint) }
}
