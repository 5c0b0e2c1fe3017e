/** Lists this process's servers with Consul, for as long as they serve. */
import type { EndpointInfo, Registrar } from '@zerohop/mesh-core'
import { type Clock, harmless, type Random, type Registered, stderrLog, systemClock } from '@zerohop/mesh-core/transport'
import { ConsulClient } from './consul-client.ts'
import { ConsulEntry } from './consul-entry.ts'
import { type ConsulRegistrationOptions, checkRegistrationOptions } from './consul-options.ts'

/**
 * For `createMesh({ registration: consulRegistration() })`: every server of that mesh is registered when it listens, and deregistered before it
 * drains. An agent that lost it is told anew; while none answers the server serves all the same.
 * @throws MeshError BAD_OPTIONS where the options are wrong; never for Consul
 */
export function consulRegistration(options: ConsulRegistrationOptions = {}): Registrar {
  checkRegistrationOptions(options)
  return new ConsulRegistrar(options, { clock: systemClock, random: Math.random })
}

class ConsulRegistrar implements Registrar {
  readonly #options: ConsulRegistrationOptions
  readonly #time: { readonly clock: Clock; readonly random: Random }
  readonly #client: ConsulClient
  #entries = 0

  constructor(options: ConsulRegistrationOptions, time: { clock: Clock; random: Random }) {
    this.#options = options
    this.#time = time
    this.#client = new ConsulClient(options)
  }

  register(service: string, server: EndpointInfo): Registered {
    const { name = service, tags = [], check = 'ttl', ttlMs = 15_000, log } = this.#options
    const entry = new ConsulEntry({
      name,
      server,
      tags,
      check,
      ttlMs,
      client: this.#client,
      ...this.#time,
      log: harmless(log ?? stderrLog),
    })
    this.#entries++
    void entry.run()
    let released: Promise<void> | null = null
    return {
      relist: (changed) => entry.relist(changed),
      release: () => {
        released ??= entry.release().finally(() => {
          this.#entries--
          if (this.#entries === 0) this.#client.close()
        })
        return released
      },
    }
  }
}
