/** Endpoints from Consul: one blocking query per service that is called, which Consul answers as soon as something changes. */
import type { Discovery, EndpointInfo, Freshness, Watch } from '@zerohop/mesh-core'
import { type Clock, harmless, type Log, type Random, stderrLog, systemClock } from '@zerohop/mesh-core/transport'
import { type Poll, RefreshLoop } from '../refresh-loop.ts'
import { BlockingIndex } from './blocking-index.ts'
import { ConsulClient, ConsulFailure } from './consul-client.ts'
import { type ConsulEndpointsOptions, checkEndpointsOptions } from './consul-options.ts'
import { type HealthReading, type MetaNames, readHealth } from './service-health.ts'

/**
 * The instances of `services` as Consul lists them. While no agent answers, the last ones stay.
 * Nothing is asked before a service is called for the first time, or explained.
 * @throws MeshError BAD_ENDPOINTS where the options are wrong; never for Consul
 */
export function consulEndpoints(options: ConsulEndpointsOptions): Discovery {
  checkEndpointsOptions(options)
  return new ConsulEndpoints(options, { clock: systemClock, random: Math.random })
}

// Consul's default is 5 minutes. A cluster that lost everything behind an agent that did not is noticed after this at the latest.
const waitMs = 30_000
// Consul adds up to a sixteenth of the wait, and the answer takes its time.
const limitMs = waitMs + waitMs / 16 + 5000
// Without an index there is nothing to wait for: an agent behind a proxy that drops it, say.
const restWithoutIndexMs = 5000

class ConsulEndpoints implements Discovery {
  readonly name = 'consul'
  readonly #options: ConsulEndpointsOptions
  readonly #time: { readonly clock: Clock; readonly random: Random }
  readonly #log: Log
  readonly #client: ConsulClient
  readonly #meta: MetaNames
  /** What Consul calls a service, by the name that callers use. */
  readonly #services: ReadonlyMap<string, string>
  readonly #loops = new Map<string, RefreshLoop>()
  #isClosed = false

  constructor(options: ConsulEndpointsOptions, time: { clock: Clock; random: Random }) {
    const { services, meta, log } = options
    this.#options = options
    this.#time = time
    this.#log = harmless(log ?? stderrLog)
    this.#client = new ConsulClient(options)
    this.#meta = { version: meta?.version ?? 'version', zone: meta?.zone ?? 'zone', weight: meta?.weight ?? 'weight' }
    this.#services = new Map(isList(services) ? services.map((name) => [name, name]) : Object.entries(services))
  }

  watch(service: string): Watch<readonly EndpointInfo[]> | null {
    const known = this.#loops.get(service)
    if (known !== undefined) return known.watch
    const name = this.#services.get(service)
    if (name === undefined) return null
    const loop = new RefreshLoop({
      source: this.name,
      service,
      poll: this.#poller(service, name),
      ...this.#time,
      log: this.#log,
      addresses: this.#client.size,
      ...(this.#options.holdEmptyMs === undefined ? {} : { holdEmptyMs: this.#options.holdEmptyMs }),
    })
    this.#loops.set(service, loop)
    if (!this.#isClosed) loop.start()
    return loop.watch
  }

  services(): readonly string[] {
    return [...this.#services.keys()]
  }

  freshness(): Iterable<Freshness> {
    return [...this.#loops.values()].map((loop) => loop.freshness)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#loops.values()].map((loop) => loop.close()))
    this.#client.close()
  }

  #poller(service: string, name: string): (signal: AbortSignal) => Promise<Poll> {
    const { datacenter, tag } = this.#options
    const index = new BlockingIndex()
    let isKnown = false
    let hasFailed = false
    let problem = ''
    const own = {
      service: name,
      stale: true,
      ...(datacenter === undefined ? {} : { dc: datacenter }),
      ...(tag === undefined ? {} : { tag }),
    }
    return async (signal) => {
      try {
        const blocking = index.next === 0 ? {} : { index: String(index.next), wait: `${waitMs}ms` }
        const { body, headers, address } = await this.#client.ask({
          send: (consul, common) => consul.health.service({ ...own, ...blocking, ...common }),
          limitMs,
          signal,
        })
        const began = performance.now()
        const reading = await this.#read(body, address)
        // A server that has just started, and has no leader yet to tell it what is true, lists what it happens to remember.
        if (headers['x-consul-knownleader'] === 'false' && (isKnown || reading.endpoints.length === 0)) {
          this.#client.moveOn(address)
          throw new ConsulFailure(`${address}: its servers have no leader`)
        }
        const { wentBack, isUsable } = index.take(headers['x-consul-index'])
        // A cluster that was young when it was lost may be past its old index before it is asked again; that it lists nothing at all says enough.
        const isReborn = wentBack || (hasFailed && reading.endpoints.length === 0)
        hasFailed = false
        isKnown = true
        if (reading.problem !== '' && reading.problem !== problem) this.#log.warn(`consul: ${service}: ${reading.problem}`)
        problem = reading.problem
        // A tenth of a processor at the most, however long the list and however often it changes.
        const readMs = performance.now() - began
        return { endpoints: reading.endpoints, restMs: isUsable ? readMs * 10 : restWithoutIndexMs, isReborn }
      } catch (error) {
        index.failed()
        hasFailed = true
        throw error
      }
    }
  }

  async #read(body: unknown, address: string): Promise<HealthReading> {
    try {
      return await readHealth(body, this.#meta)
    } catch (error) {
      this.#client.moveOn(address)
      throw new ConsulFailure(`${address}: ${(error as Error).message}`)
    }
  }
}

function isList(services: ConsulEndpointsOptions['services']): services is readonly string[] {
  return Array.isArray(services)
}
