/** Endpoints from DNS, asked for anew whenever an answer's lifetime is over. */
import type { Discovery, EndpointInfo, Freshness, Watch } from '@zerohop/mesh-core'
import { type Clock, harmless, type Log, runUnder, systemClock } from '@zerohop/mesh-core/transport'
import { type Poll, RefreshLoop } from '../refresh-loop.ts'
import { type DnsEndpointsOptions, type DnsSettings, readDnsOptions, targetFrom } from './dns-options.ts'
import { type DnsTarget, TargetQuery } from './dns-target.ts'
import { NameServers } from './name-servers.ts'
import { Resolver } from './resolver.ts'

/**
 * Endpoints of services that DNS knows: `dnsEndpoints({ services: { inventory: 'inventory.internal:8080', payment: '_http._tcp.payment.internal' } })`.
 * The first question about a service is asked when it is first called, or explained. While no server answers, the last endpoints stay.
 * @throws MeshError BAD_ENDPOINTS for wrong options; never for what DNS says
 */
export function dnsEndpoints(options: DnsEndpointsOptions): Discovery {
  const settings = readDnsOptions(options)
  const { servers, timeoutMs = usualTimeoutMs } = settings
  const log = harmless(settings.log)
  const nameServers = new NameServers(servers === undefined ? null : { servers, timeoutMs }, log)
  const resolver = new Resolver(() => nameServers.settings)
  return new DnsEndpoints({ settings, resolver, nameServers, clock: systemClock, random: Math.random, log })
}

/** What it stands on. */
export interface DnsGround {
  readonly settings: DnsSettings
  readonly resolver: Resolver
  readonly nameServers: NameServers
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

// Whoever can make this process call hosts of his choice must not make it follow them all.
const mostFromTemplate = 1000
// The same where resolv.conf says nothing.
const usualTimeoutMs = 2000
// Processes that were started together, or wait for the same resolver's cache, come to ask apart.
const spread = 0.05

/** One loop per service that is followed. */
export class DnsEndpoints implements Discovery {
  readonly name = 'dns'
  readonly #ground: DnsGround
  readonly #targets: ReadonlyMap<string, DnsTarget>
  readonly #loops = new Map<string, RefreshLoop>()
  #isFullTold = false
  #isClosed = false

  constructor(ground: DnsGround) {
    this.#ground = ground
    this.#targets = new Map(Object.entries(ground.settings.services))
  }

  watch(service: string): Watch<readonly EndpointInfo[]> | null {
    return this.#loop(service)?.watch ?? null
  }

  services(): readonly string[] {
    const found = [...this.#loops].filter(([, { watch }]) => (watch.current ?? []).length > 0).map(([service]) => service)
    return [...new Set([...this.#targets.keys(), ...found])]
  }

  async ready(): Promise<void> {
    await Promise.all([...this.#targets.keys()].map((service) => this.#loop(service)?.first()))
  }

  *freshness(): Iterable<Freshness> {
    for (const loop of this.#loops.values()) yield loop.freshness
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#ground.nameServers.close()
    await Promise.all([...this.#loops.values()].map((loop) => loop.close()))
  }

  #loop(service: string): RefreshLoop | null {
    const known = this.#loops.get(service)
    if (known !== undefined) return known
    if (this.#isClosed) return null
    const { template } = this.#ground.settings
    const target = this.#targets.get(service)
    if (target !== undefined) return this.#follow(service, target)
    const guess = template === undefined ? null : targetFrom(template, service)
    if (guess === null) return null
    if (this.#loops.size - this.#targets.size < mostFromTemplate) return this.#follow(service, guess)
    if (!this.#isFullTold)
      this.#ground.log.error(`dns: ${mostFromTemplate} services are followed by \`template\`; the others are not known`)
    this.#isFullTold = true
    return null
  }

  #follow(service: string, target: DnsTarget): RefreshLoop {
    const { settings, resolver, clock, random, log } = this.#ground
    const query = new TargetQuery(target, resolver, clock)
    let isFirst = true
    const poll = async (signal: AbortSignal): Promise<Poll> => {
      if (!isFirst && loop.listeners === 0 && !this.#targets.has(service)) this.#letGo(service)
      isFirst = false
      const { endpoints, ttlSeconds } = await query.ask(signal)
      const ttlMs = Math.min(Math.max(ttlSeconds * 1000, settings.minTtlMs), settings.maxTtlMs)
      return { endpoints, restMs: ttlMs * (1 + spread * random()) }
    }
    const loop = new RefreshLoop({ source: this.name, service, poll, clock, random, log, holdEmptyMs: settings.holdEmptyMs })
    this.#loops.set(service, loop)
    // Not within the request that happens to be the first: its trace, deadline and cancellation are not the loop's.
    runUnder(null, () => loop.start())
    return loop
  }

  // A service that the template found, and that nobody follows any more.
  #letGo(service: string): void {
    void this.#loops.get(service)?.close()
    this.#loops.delete(service)
    this.#isFullTold = false
  }
}
