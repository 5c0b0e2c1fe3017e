/** Asks what addresses a host name has, in the order in which a machine answers that: its own table, DNS, whatever else it knows. */
import { Resolver } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { WatchedFile } from '../kernel/watched-file.ts'
import { readHostsFile } from './hosts-file.ts'

/** What a name stands for. */
export interface HostAnswer {
  readonly addresses: readonly string[]
  readonly ttlSeconds: number
}

const hostsFile = '/etc/hosts'
// Two tries within the time that a call is given to connect.
const patience = { timeout: 1000, tries: 2 }
// What comes without a lifetime: from the machine's table, and from its lookup.
const ownTtlSeconds = 5

/** Asks without `dns.lookup`'s thread pool wherever DNS knows the name as it stands. */
export class HostQuery {
  #table: ReadonlyMap<string, readonly string[]> = new Map()
  readonly #file: WatchedFile

  readonly #resolver: () => Resolver

  /**
   * @param path the machine's table of names
   * @param resolver made anew for each question: it reads the machine's settings when it is made, and these change
   */
  constructor(path = hostsFile, resolver = () => new Resolver(patience)) {
    this.#resolver = resolver
    this.#file = new WatchedFile(path, (text) => this.#adopt(text))
    this.#adopt(this.#file.readNow())
  }

  /** @throws Error with the code of the failure, such as ENOTFOUND */
  readonly ask = async (host: string): Promise<HostAnswer> => {
    const own = this.#table.get(host) ?? (host === 'localhost' || host.endsWith('.localhost') ? ['127.0.0.1', '::1'] : null)
    if (own !== null) return { addresses: own, ttlSeconds: ownTtlSeconds }
    const resolver = this.#resolver()
    const answers = await Promise.all([ask(resolver, 'resolve4', host), ask(resolver, 'resolve6', host)])
    const records = answers.flat()
    if (records.length > 0) {
      return { addresses: records.map(({ address }) => address), ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)) }
    }
    // Names that mean something here only: by a search domain, by multicast, by a directory. This does wait on the thread pool.
    const found = await lookup(host, { all: true })
    return { addresses: found.map(({ address }) => address), ttlSeconds: ownTtlSeconds }
  }

  /** Follows the table no more. */
  close(): void {
    this.#file.close()
  }

  #adopt(text: string | Error): void {
    if (!(text instanceof Error)) this.#table = readHostsFile(text)
  }
}

// No record is an answer like any other here: one of the two families is usually empty.
function ask(resolver: Resolver, way: 'resolve4' | 'resolve6', host: string): Promise<{ address: string; ttl: number }[]> {
  return new Promise((resolve) => {
    resolver[way](host, { ttl: true }, (error, records) => resolve(error === null ? records : []))
  })
}
