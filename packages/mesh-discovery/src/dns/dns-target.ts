/** What a service is called in DNS, and which records tell where it stands. */
import type { EndpointInfo } from '@zerohop/mesh-core'
import type { Clock } from '@zerohop/mesh-core/transport'
import { readAddress } from '../address.ts'
import type { SrvRecord } from './dns-message.ts'
import { DnsFailure, type Resolution, type Resolver } from './resolver.ts'

/** Where to look. */
export interface DnsTarget {
  /** In lower case, absolute, without a dot at its end. */
  readonly name: string
  /** `address`: A records, or AAAA where there is no A. */
  readonly type: 'address' | 'A' | 'AAAA' | 'SRV'
  /** Of every endpoint; 0 with SRV, whose records tell it. */
  readonly port: number
}

/** Where a service stands now. */
export interface Standing {
  /** In the order of their addresses, whatever the order of the records. */
  readonly endpoints: readonly EndpointInfo[]
  /** How long this may be believed. */
  readonly ttlSeconds: number
}

interface Known {
  readonly addresses: readonly string[]
  readonly goodUntil: number
}

// As many as an answer over TCP can hold with names of their own.
const mostHosts = 2000
const atOnce = 16
const noneYet: Known = { addresses: [], goodUntil: 0 }

/** Asks where one service stands, again and again. Between answers it keeps the addresses of the hosts that SRV records name. */
export class TargetQuery {
  readonly #target: DnsTarget
  readonly #resolver: Resolver
  readonly #clock: Clock
  #hosts: ReadonlyMap<string, Known> = new Map()

  constructor(target: DnsTarget, resolver: Resolver, clock: Clock) {
    this.#target = target
    this.#resolver = resolver
    this.#clock = clock
  }

  /** @throws DnsFailure where no server answers: what was known of the service stays */
  async ask(signal: AbortSignal): Promise<Standing> {
    const { name, type, port } = this.#target
    if (type === 'SRV') return this.#askServices(signal)
    const { addresses, ttlSeconds } = await this.#addresses(name, type, signal)
    return { endpoints: inOrder(addresses.map((address) => ({ address, port, weight: 1 }))), ttlSeconds }
  }

  async #addresses(
    name: string,
    type: 'address' | 'A' | 'AAAA',
    signal: AbortSignal,
  ): Promise<{ addresses: readonly string[]; ttlSeconds: number }> {
    const answer = await this.#resolver.resolve(name, type === 'AAAA' ? 'AAAA' : 'A', signal)
    if (answer.kind !== 'none' || answer.why === 'NXDOMAIN' || type !== 'address') return addressesOf(answer)
    const second = addressesOf(await this.#resolver.resolve(name, 'AAAA', signal))
    // That there is no A record is believed for no longer than what there is instead.
    return { addresses: second.addresses, ttlSeconds: Math.min(answer.ttlSeconds, second.ttlSeconds) }
  }

  async #askServices(signal: AbortSignal): Promise<Standing> {
    const answer = await this.#resolver.resolve(this.#target.name, 'SRV', signal)
    const services = answer.kind === 'services' ? answer.services.filter(({ target, port }) => target !== '' && port > 0) : []
    const hosts = [...new Set(services.map(({ target }) => target))]
    if (hosts.length > mostHosts)
      throw new DnsFailure(`${this.#target.name} SRV: its records name ${hosts.length} hosts, and ${mostHosts} are the most`)
    this.#hosts = await this.#findHosts(hosts, signal)
    const now = this.#clock.now()
    const ttlSeconds = Math.min(answer.ttlSeconds, ...[...this.#hosts.values()].map(({ goodUntil }) => (goodUntil - now) / 1000))
    return { endpoints: inOrder(this.#placed(services)), ttlSeconds: Math.max(ttlSeconds, 0) }
  }

  // The records of the first priority; those of the next one only where none of the first has an address.
  #placed(services: readonly SrvRecord[]): Placed[] {
    const priorities = [...new Set(services.map(({ priority }) => priority))].sort((a, b) => a - b)
    for (const priority of priorities) {
      const group = services.filter((service) => service.priority === priority)
      const areAllZero = group.every(({ weight }) => weight === 0)
      const placed = group.flatMap(({ target, port, weight }) => {
        const addresses = this.#hosts.get(target)?.addresses ?? []
        // RFC 2782: zero is a very small share, not none, and where all have it they share alike.
        const share = areAllZero ? 1 : weight === 0 ? smallShare : weight
        return addresses.map((address) => ({ address, port, weight: share / addresses.length }))
      })
      if (placed.length > 0) return placed
    }
    return []
  }

  async #findHosts(hosts: readonly string[], signal: AbortSignal): Promise<Map<string, Known>> {
    const found = new Map<string, Known>()
    const failures: DnsFailure[] = []
    const line = hosts.values()
    const worker = async (): Promise<void> => {
      for (const host of line) {
        try {
          found.set(host, await this.#findHost(host, signal))
        } catch (error) {
          if (!(error instanceof DnsFailure)) throw error
          failures.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, hosts.length) }, worker))
    // One host that cannot be found must not hide what changed about the others; when none can, nothing has been learned.
    if (failures[0] !== undefined && found.size === 0) throw failures[0]
    return found
  }

  // An address whose lifetime is over is better than none while nobody can be asked.
  async #findHost(host: string, signal: AbortSignal): Promise<Known> {
    const now = this.#clock.now()
    const known = this.#hosts.get(host) ?? noneYet
    if (known.goodUntil > now) return known
    try {
      const { addresses, ttlSeconds } = await this.#addresses(host, 'address', signal)
      return { addresses, goodUntil: now + ttlSeconds * 1000 }
    } catch (error) {
      if (known === noneYet || !(error instanceof DnsFailure)) throw error
      return { addresses: known.addresses, goodUntil: now }
    }
  }
}

// Less than the smallest weight that a record can have besides.
const smallShare = 0.1

interface Placed {
  readonly address: string
  readonly port: number
  readonly weight: number
}

function addressesOf(answer: Resolution): { addresses: readonly string[]; ttlSeconds: number } {
  return { addresses: answer.kind === 'addresses' ? answer.addresses : [], ttlSeconds: answer.ttlSeconds }
}

function inOrder(placed: readonly Placed[]): EndpointInfo[] {
  const weights = new Map<string, number>()
  for (const { address, port, weight } of placed) {
    const reading = readAddress(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)
    // Two records for one address are one endpoint with both shares.
    if ('address' in reading) weights.set(reading.address, (weights.get(reading.address) ?? 0) + weight)
  }
  return [...weights].sort(([a], [b]) => (a < b ? -1 : 1)).map(([address, weight]) => ({ address, labels: {}, zone: '', weight }))
}
