/** The addresses of endpoints that are named by host: remembered, asked for once at a time, and kept while nobody can be asked. */
import type { LookupAddress, LookupOptions } from 'node:dns'
import { isIPv6, type LookupFunction } from 'node:net'
import type { Clock } from '../kernel/clock.ts'
import type { DialGround } from './dial-ground.ts'
import { type HostAnswer, HostQuery } from './host-query.ts'

interface Known {
  addresses: readonly LookupAddress[]
  goodUntil: number
  /** Why the last question brought nothing; null where it did. */
  error: Error | null
  asking: Promise<void> | null
}

const leastTtlMs = 1000
const mostTtlMs = 60_000
// For so long an expired answer is used while the next one is on its way: nobody waits for DNS but the first caller.
const expiredForMs = 60_000
const mostHosts = 10_000

/** One per mesh: what `net.connect` asks instead of `dns.lookup`, which would wait in line with file access on four threads. */
export class HostAddresses {
  readonly #clock: Clock
  readonly #ask: (host: string) => Promise<HostAnswer>
  readonly #known = new Map<string, Known>()

  constructor(clock: Clock, ask: (host: string) => Promise<HostAnswer>) {
    this.#clock = clock
    this.#ask = ask
  }

  /** As `net.connect` takes it. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    void this.#find(hostname.toLowerCase()).then(({ addresses, error }) => {
      const wanted = addresses.filter(({ family }) => isWanted(family, options))
      const [first] = wanted
      if (first === undefined) callback(error ?? notFound(hostname), '')
      else if (options.all === true) callback(null, wanted)
      else callback(null, first.address, first.family)
    })
  }

  async #find(host: string): Promise<Known> {
    const now = this.#clock.now()
    let known = this.#known.get(host)
    if (known === undefined) {
      known = { addresses: [], goodUntil: Number.NEGATIVE_INFINITY, error: null, asking: null }
      this.#known.set(host, known)
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= mostHosts) break
        this.#known.delete(oldest)
      }
    }
    if (now < known.goodUntil) return known
    known.asking ??= this.#refresh(host, known)
    if (known.addresses.length === 0 || now >= known.goodUntil + expiredForMs) await known.asking
    return known
  }

  async #refresh(host: string, known: Known): Promise<void> {
    try {
      const { addresses, ttlSeconds } = await this.#ask(host)
      known.addresses = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
      known.error = null
      known.goodUntil = this.#clock.now() + Math.min(Math.max(ttlSeconds * 1000, leastTtlMs), mostTtlMs)
    } catch (error) {
      // The last addresses stay: one that has really gone refuses, and is avoided like any other.
      known.error = error instanceof Error ? error : new Error(String(error))
      known.goodUntil = this.#clock.now() + leastTtlMs
    } finally {
      known.asking = null
    }
  }
}

/** Those of a mesh, for all of its wires, made at first use. */
export function hostAddressesOf(ground: DialGround): HostAddresses {
  return ground.once('host-addresses', () => {
    const query = new HostQuery()
    ground.closeWith({ close: async () => query.close() }, 'client')
    return new HostAddresses(ground.clock, query.ask)
  })
}

function isWanted(family: number, { family: wanted }: LookupOptions): boolean {
  return wanted === undefined || wanted === 0 || wanted === family || wanted === `IPv${family}`
}

function notFound(host: string): Error {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}
