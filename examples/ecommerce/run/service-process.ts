/** One running instance of a service, as a process of its own. */
import { fileURLToPath } from 'node:url'
import { isReady, type Protocol } from './is-ready.ts'
import type { RunDirectory } from './run-directory.ts'
import { TetheredProcess } from './tethered-process.ts'
import { until } from './until.ts'

/** What an instance is started with. */
export interface Instance {
  /** Unique within the run: `cart-2`. */
  readonly name: string
  /** The folder under `services/`, and the name in the mesh. */
  readonly service: string
  /** The version that its endpoints are labelled with. */
  readonly version: string
}

/** How a service finds the control API, and proves there who it is; and where it finds the others. */
export interface Membership {
  readonly control: string
  readonly token: string
  /** Null where that is the control API too. */
  readonly consul: { readonly address: string; readonly ttlMs: number } | null
}

// Two busy cores need about a second; a laptop that wakes from sleep needs more.
const startWithinMs = 60_000

/** A process that serves. */
export class ServiceProcess extends TetheredProcess {
  readonly instance: Instance
  /** `host:port`; '' until it listens. */
  address = ''
  protocol: Protocol = 'HTTP'
  /** Where its admin pages are; known before it listens. */
  admin = ''

  constructor(run: RunDirectory, instance: Instance, { control, token, consul }: Membership) {
    super(run, {
      name: instance.name,
      main: fileURLToPath(new URL(`../services/${instance.service}/main.ts`, import.meta.url)),
      env: {
        ...process.env,
        SHOP_CONTROL: control,
        SHOP_TOKEN: token,
        // Written in any case: one that somebody runs on this machine is not meant for this shop.
        SHOP_CONSUL: consul?.address ?? '',
        SHOP_CONSUL_TTL_MS: String(consul?.ttlMs ?? ''),
        SHOP_LAST_GOOD: run.lastGood,
        SHOP_DATA: run.data,
        SHOP_VERSION: instance.version,
      },
      onLine: (line) => {
        this.admin = /^admin on (\S+:\d+)$/.exec(line)?.[1] ?? this.admin
        const [, address = this.address, protocol = this.protocol] = /^listening on (\S+:\d+) for (HTTP|gRPC)$/.exec(line) ?? []
        this.address = address
        this.protocol = protocol as Protocol
      },
    })
    this.instance = instance
  }

  /** Waits until it listens and says that it is ready. @throws Error with its last words where it ended or took too long */
  async ready(): Promise<void> {
    const becameReady = await until(startWithinMs, async () => {
      if (!this.alive) throw new Error(`${this.instance.name} ended before it was ready: ${this.complaint}`)
      return this.address !== '' && isReady(this.address, this.protocol)
    })
    if (!becameReady) throw new Error(`${this.instance.name} was not ready within ${startWithinMs / 1000} s: ${this.complaint}`)
  }
}
