/** One server's entry in Consul: made when it listens, kept alive while it serves, taken out before it drains. */
import type { EndpointInfo } from '@zerohop/mesh-core'
import { BackoffRounds, type Clock, type Log, type Random, Rest } from '@zerohop/mesh-core/transport'
import { type ConsulClient, ConsulFailure } from './consul-client.ts'

/** What an entry stands on. */
export interface ConsulEntryOptions {
  /** What Consul calls the service. */
  readonly name: string
  readonly server: EndpointInfo
  readonly tags: readonly string[]
  readonly check: 'ttl' | { readonly http: string }
  readonly ttlMs: number
  readonly client: Pick<ConsulClient, 'ask' | 'size'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** A check as the package takes it; its type asks for a timeout everywhere. */
interface RegisterCheck {
  readonly name: string
  readonly timeout: string
  readonly deregistercriticalserviceafter: string
  readonly status?: string
  readonly ttl?: string
  readonly http?: string
  readonly interval?: string
}

const askLimitMs = 2500
// What a drain may wait for Consul; whoever still calls is served meanwhile.
const releaseMs = 1000
// The shortest that Consul takes: whoever has been dead for so long is forgotten.
const forgetAfter = '1m'
const capMs = 4000
const mostMeta = 60

/** One per server. */
export class ConsulEntry {
  readonly #options: ConsulEntryOptions
  /** The same for a process that starts again on the same address: it takes the place of the one that died. */
  readonly #id: string
  readonly #backoff: BackoffRounds
  readonly #rest: Rest
  readonly #stop = new AbortController()
  #server: EndpointInfo
  /** Set while some agent lists what was said before. */
  #relisting: PromiseWithResolvers<void> | null = null
  /** The agents that were told of it. */
  readonly #places = new Set<string>()
  #renewing: Promise<unknown> = Promise.resolve()
  #isReleased = false
  #hasWarned = false
  /** True while the agent of the moment has confirmed it at the last try. */
  #isHeld = false

  constructor(options: ConsulEntryOptions) {
    const { name, server, client, random, clock } = options
    this.#options = options
    this.#server = server
    this.#id = `${name}@${server.address}`
    this.#backoff = new BackoffRounds(client.size, random, capMs)
    this.#rest = new Rest(clock)
  }

  /** Registers, and renews until `release`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#isReleased) {
      const said = this.#server
      const renewing = this.#renew()
      this.#renewing = renewing
      const restMs = await renewing
      // What changed while the renewal was under way goes out at once.
      if (!this.#isReleased && said === this.#server) await this.#rest.take(restMs)
    }
  }

  /** Says anew what the server is; resolves when the agent of the moment has taken it, or at the release. */
  relist(server: EndpointInfo): Promise<void> {
    if (this.#isReleased) return Promise.resolve()
    this.#server = server
    this.#relisting ??= Promise.withResolvers<void>()
    this.#rest.end()
    return this.#relisting.promise
  }

  /** Takes the entry out; resolves when every agent that was told of it has been told, after a second at the latest. */
  async release(): Promise<void> {
    this.#isReleased = true
    this.#rest.end()
    this.#relisted()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.clock.setTimer(releaseMs, () => {
      this.#stop.abort()
      resolve()
    })
    timer.keepAlive(true)
    await Promise.race([this.#deregister(), late])
    timer.cancel()
  }

  /** Renews once; returns how long to rest. */
  async #renew(): Promise<number> {
    const { log, name, ttlMs } = this.#options
    const server = this.#server
    try {
      const address = await this.#confirm()
      this.#backoff.succeeded()
      if (server === this.#server) this.#relisted()
      if (!this.#isHeld) log.info(`${name}: registered with Consul at ${address} as ${this.#id}`)
      this.#isHeld = true
      this.#hasWarned = false
      return ttlMs / 3
    } catch (error) {
      this.#isHeld = false
      if (!this.#hasWarned && !this.#isReleased) {
        log.warn(`${name}: ${server.address} is not registered with Consul, and is tried again: ${(error as Error).message}`)
      }
      this.#hasWarned = true
      return this.#backoff.failed()
    }
  }

  /** Sees to it that an agent lists it; returns who does. */
  async #confirm(): Promise<string> {
    if (this.#isHeld && this.#relisting === null && this.#options.check === 'ttl') {
      try {
        return await this.#pass()
      } catch (error) {
        // An agent that answers, and knows nothing of it: it has lost its state.
        if (!(error instanceof ConsulFailure) || error.status === 0) throw error
      }
    }
    const address = await this.#register()
    return this.#options.check === 'ttl' ? this.#pass(address) : address
  }

  async #pass(at?: string): Promise<string> {
    const answer = await this.#options.client.ask({
      send: (consul, common) => consul.agent.check.pass({ id: `service:${this.#id}`, ...common }),
      limitMs: askLimitMs,
      signal: this.#stop.signal,
      ...(at === undefined ? {} : { at }),
    })
    return answer.address
  }

  async #register(): Promise<string> {
    const { name, client } = this.#options
    const server = this.#server
    const colon = server.address.lastIndexOf(':')
    const { address } = await client.ask({
      send: (consul, common) =>
        consul.agent.service.register({
          id: this.#id,
          name,
          address: server.address.slice(0, colon).replace(/^\[|\]$/g, ''),
          port: Number(server.address.slice(colon + 1)),
          ...this.#described(),
          check: this.#check(),
          ...common,
        }),
      limitMs: askLimitMs,
      signal: this.#stop.signal,
    })
    this.#places.add(address)
    return address
  }

  /** Consul takes few characters in the names of meta; labels with others go into tags. The package drops `weights`, which is why meta has it. */
  #described(): { meta: Record<string, string>; tags: string[] } {
    const { labels, zone, weight } = this.#server
    const meta: Record<string, string> = { weight: String(weight), ...(zone === '' ? {} : { zone }) }
    const tags = [...this.#options.tags]
    for (const [label, value] of Object.entries(labels)) {
      if (/^[A-Za-z0-9_-]{1,128}$/.test(label) && Object.keys(meta).length < mostMeta && !Object.hasOwn(meta, label)) meta[label] = value
      else tags.push(`${label}=${value}`)
    }
    return { meta, tags }
  }

  #check(): RegisterCheck {
    const { check, ttlMs } = this.#options
    const every = `${Math.ceil(ttlMs / 3)}ms`
    const all = { name: 'zerohop', timeout: every, deregistercriticalserviceafter: forgetAfter }
    if (check === 'ttl') return { ...all, status: 'passing', ttl: `${ttlMs}ms` }
    return { ...all, http: `http://${this.#server.address}${check.http}`, interval: every }
  }

  #relisted(): void {
    this.#relisting?.resolve()
    this.#relisting = null
  }

  async #deregister(): Promise<void> {
    const { client, log, name } = this.#options
    const { address } = this.#server
    // A renewal that arrives behind this would register it anew.
    await this.#renewing
    await Promise.all(
      [...this.#places].map(async (at) => {
        try {
          await client.ask({
            send: (consul, common) => consul.agent.service.deregister({ id: this.#id, ...common }),
            limitMs: releaseMs,
            signal: this.#stop.signal,
            at,
          })
        } catch (error) {
          const isGone = error instanceof ConsulFailure && error.status === 404
          if (!isGone) log.warn(`${name}: the entry of ${address} ends by itself: ${(error as Error).message}`)
        }
      }),
    )
  }
}
