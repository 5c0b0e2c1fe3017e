/** The lease of one server: taken when it listens, renewed while it serves, given back before it stops. */

import { BackoffRounds } from '../kernel/backoff-rounds.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Registered } from '../kernel/registrar.ts'
import { Rest } from '../kernel/rest.ts'
import { type LeaseAnswer, leaseAnswerSchema } from '../policy/exchange.ts'
import type { ControlClient } from './control-client.ts'
import { ControlFailure } from './control-failure.ts'

/** What a server says of itself. */
export interface Advertised {
  /** `host:port` at which callers reach it, an IPv6 host in brackets. */
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  /** '' for unknown. */
  readonly zone: string
  readonly weight: number
}

export interface RegistrationOptions {
  readonly service: string
  readonly instance: string
  readonly advertised: Advertised
  readonly client: ControlClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Told once the lease was given back. */
  readonly released: () => void
}

// Half of the time between two renewals: a control API that hangs is left for the next one well before the lease ends.
const leaseLimitMs = 2500
// What a drain may wait for the control API; whoever still calls is served meanwhile.
const releaseMs = 1000

/** One per server. It survives that the control API is away, and that it forgot: every renewal is a registration. */
export class Registration implements Registered {
  readonly #options: RegistrationOptions
  readonly #path: string
  readonly #backoff: BackoffRounds
  readonly #rest: Rest
  #advertised: Advertised
  /** Set while the control API lists what was said before. */
  #relisting: PromiseWithResolvers<void> | null = null
  #renewing: Promise<void> = Promise.resolve()
  #released: Promise<void> | null = null
  #hasWarned = false
  /** True while the control API has confirmed the lease at the last try. */
  isHeld = false

  constructor(options: RegistrationOptions) {
    this.#options = options
    this.#advertised = options.advertised
    this.#path = `/v1/instances/${options.service}/${options.instance}`
    this.#backoff = new BackoffRounds(options.client.size, options.random)
    this.#rest = new Rest(options.clock)
  }

  get address(): string {
    return this.#advertised.address
  }

  /** Takes the lease and renews it until `release`. Never rejects. */
  async run(): Promise<void> {
    while (this.#released === null) {
      let restMs = 0
      this.#renewing = this.#renew().then((ms) => {
        restMs = ms
      })
      const said = this.#advertised
      await this.#renewing
      // What changed while the renewal was under way goes out at once.
      if (this.#released === null && restMs > 0 && said === this.#advertised) await this.#rest.take(restMs)
    }
  }

  /** Says anew what the server is; resolves when the control API has taken it, or at the release. */
  relist(advertised: Advertised): Promise<void> {
    if (this.#released !== null) return Promise.resolve()
    this.#advertised = advertised
    this.#relisting ??= Promise.withResolvers<void>()
    this.#rest.end()
    return this.#relisting.promise
  }

  /** Gives the lease back; resolves when the control API has taken it, or after a second. */
  release(): Promise<void> {
    this.#released ??= this.#giveBack()
    return this.#released
  }

  /** Renews once; returns how long to rest. */
  async #renew(): Promise<number> {
    const { client, log, instance, service } = this.#options
    const advertised = this.#advertised
    try {
      const answer = await client.ask({ method: 'PUT', path: this.#path, body: { ...advertised, healthy: true }, limitMs: leaseLimitMs })
      const { leaseMs, renewMs } = readLease(answer.body, answer.address)
      this.#backoff.succeeded()
      if (!this.isHeld) log.info(`${service}: registered as ${instance} at ${advertised.address}`)
      this.isHeld = true
      this.#hasWarned = false
      if (advertised === this.#advertised) this.#relisted()
      return Math.min(renewMs, leaseMs / 2)
    } catch (error) {
      this.isHeld = false
      const { message } = error as Error
      if (!this.#hasWarned) log.warn(`${service}: ${advertised.address} is not registered, and is tried again: ${message}`)
      this.#hasWarned = true
      return this.#backoff.failed()
    }
  }

  async #giveBack(): Promise<void> {
    const { clock, released } = this.#options
    this.#rest.end()
    this.#relisted()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimer(releaseMs, resolve)
    timer.keepAlive(true)
    await Promise.race([this.#delete(), late])
    timer.cancel()
    this.isHeld = false
    released()
  }

  #relisted(): void {
    this.#relisting?.resolve()
    this.#relisting = null
  }

  async #delete(): Promise<void> {
    const { client, log, service } = this.#options
    // A renewal that arrives behind this would take the lease anew.
    await this.#renewing
    for (let tries = 1; ; tries++) {
      try {
        await client.ask({ method: 'DELETE', path: this.#path, limitMs: releaseMs })
        return
      } catch (error) {
        const isGone = error instanceof ControlFailure && error.status === 404
        if (!isGone && tries === client.size)
          log.warn(`${service}: the lease of ${this.address} ends by itself: ${(error as Error).message}`)
        if (isGone || tries === client.size) return
      }
    }
  }
}

function readLease(body: Buffer, address: string): LeaseAnswer {
  try {
    return leaseAnswerSchema.parse(JSON.parse(body.toString('utf8')))
  } catch {
    throw new ControlFailure('garbage', `${address}: the answer is no lease`)
  }
}
