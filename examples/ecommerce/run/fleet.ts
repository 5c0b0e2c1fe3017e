/** All processes of the shop's services. */
import type { Consul } from './consul.ts'
import type { ControlApi } from './control-api.ts'
import type { RunDirectory } from './run-directory.ts'
import { ServiceProcess } from './service-process.ts'
import { until } from './until.ts'

/** How many instances of each service the shop begins with. */
export const firstInstances: Readonly<Record<string, number>> = {
  inventory: 3,
  user: 2,
  payment: 2,
  'product-catalog': 2,
  cart: 2,
  frontend: 2,
}

/** Where the processes of a run find each other, and what holds for them. */
export interface Registries {
  readonly control: ControlApi
  /** Where endpoints come from; null where that is the control API too. */
  readonly consul: Consul | null
}

const drainWithinMs = 15_000

/** The processes of one run. */
export class Fleet {
  readonly #run: RunDirectory
  readonly #control: ControlApi
  readonly #consul: Consul | null
  readonly #processes = new Set<ServiceProcess>()
  readonly #serving = new Set<ServiceProcess>()
  readonly #leaving = new Set<ServiceProcess>()
  readonly #numbers = new Map<string, number>()
  readonly #tokens = new Map<string, Promise<string>>()
  #closed = false

  constructor(run: RunDirectory, { control, consul }: Registries) {
    this.#run = run
    this.#control = control
    this.#consul = consul
  }

  /** Instances that serve, in the order in which they became ready. */
  instances(service?: string): readonly ServiceProcess[] {
    return [...this.#serving].filter((one) => service === undefined || one.instance.service === service)
  }

  /** Instances that were launched and do not serve yet. */
  get launched(): readonly ServiceProcess[] {
    return [...this.#processes].filter((one) => one.alive && !this.#serving.has(one) && !this.#leaving.has(one))
  }

  /** Starts one instance and waits until it is ready. @throws Error with the last words of a process that failed */
  async start(service: string, version = 'v1'): Promise<ServiceProcess> {
    const started = await this.launch(service, version)
    await this.serving(started)
    return started
  }

  /** Starts one instance, and does not wait for it. */
  async launch(service: string, version = 'v1'): Promise<ServiceProcess> {
    const token = await this.tokenOf(service)
    if (this.#closed) throw new Error(`${service} is not started: the shop is closing`)
    const number = (this.#numbers.get(service) ?? 0) + 1
    this.#numbers.set(service, number)
    const membership = { control: this.#control.url, token, consul: this.#consul }
    const started = new ServiceProcess(this.#run, { name: `${service}-${number}`, service, version }, membership)
    this.#processes.add(started)
    return started
  }

  /** Waits until a process that was launched is ready. @throws Error with its last words where it failed */
  async serving(launched: ServiceProcess): Promise<void> {
    await launched.ready()
    this.#serving.add(launched)
  }

  /** Starts what the shop begins with. */
  async startAll(): Promise<void> {
    const all = Object.entries(firstInstances).flatMap(([service, count]) => Array.from({ length: count }, () => this.start(service)))
    // Waits for every one, so that a failure leaves none behind that is still starting.
    const results = await Promise.allSettled(all)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** A token with which a process joins as an instance of `service`: made once, so that one can be started while the control API is away. */
  tokenOf(service: string): Promise<string> {
    const known = this.#tokens.get(service)
    if (known !== undefined) return known
    const made = this.#control.client.makeToken(service)
    this.#tokens.set(service, made)
    return made
  }

  /** Ends a process at once, as a crash does: nobody is told, and its lease ends when it is no longer renewed. */
  async kill(victim: ServiceProcess): Promise<void> {
    victim.signal('SIGKILL')
    await victim.ended
    this.#serving.delete(victim)
  }

  /** Starts a successor, then tells the old one to end, as an orchestrator does. @throws Error where the old one does not end */
  async replace(old: ServiceProcess): Promise<ServiceProcess> {
    const successor = await this.start(old.instance.service, old.instance.version)
    this.#serving.delete(old)
    this.#leaving.add(old)
    old.signal('SIGTERM')
    if (!(await until(drainWithinMs, () => !old.alive)))
      throw new Error(`${old.instance.name} was told to end, and ran on for ${drainWithinMs / 1000} s`)
    return successor
  }

  /** Ends every process at once, and waits for its end: their data goes with them, so there is nothing to bring in order. */
  async close(): Promise<void> {
    this.#closed = true
    const alive = [...this.#processes].filter((one) => one.alive)
    this.killAll()
    await Promise.all(alive.map((one) => one.ended))
  }

  /** Ends every process at once, without waiting: what is left to do while the runner itself is going down. */
  killAll(): void {
    for (const one of this.#processes) one.signal('SIGKILL')
  }
}
