/** createMesh: wires the parts, starts them, adopts policies, ends them. */
import type { Control } from '../control/control.ts'
import { Ambient, currentAmbient, runUnder } from '../kernel/ambient.ts'
import { type Clock, type Random, systemClock } from '../kernel/clock.ts'
import type { Discovery } from '../kernel/discovery.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import { harmless, type Log, stderrLog } from '../kernel/log.ts'
import type { Network } from '../kernel/network.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { WatchSource } from '../kernel/watch.ts'
import { Meter } from '../observe/meter.ts'
import { otelTracer } from '../observe/otel.ts'
import { renderMetrics } from '../observe/prometheus.ts'
import type { PolicySet } from '../policy/index.ts'
import type { StackGround } from '../stack/client-stack.ts'
import type { Destination } from '../stack/destination.ts'
import type { Wire } from '../stack/wire.ts'
import { Announcements } from './announcements.ts'
import { controlOf } from './control-of.ts'
import { type Explanation, explainService } from './explain.ts'
import { registerFreshness } from './freshness-metrics.ts'
import { registerControlMetrics, registerGauges } from './gauges.ts'
import { Inbounds } from './inbounds.ts'
import { Lifecycle } from './lifecycle.ts'
import { bindParts, type Closable, type Mesh, type MeshEvents, type MeshParts } from './mesh-face.ts'
import { checkOptions, type MeshOptions } from './mesh-options.ts'
import { inForce, type PolicyInForce } from './policy-in-force.ts'
import { PolicySource } from './policy-source.ts'
import { type Registries, registerWith, registrarOf } from './registrations.ts'
import { ServiceTable } from './service-table.ts'

/** What a mesh stands on in place of the process's own: how a test gets virtual time, a seed, and a network without sockets. */
export interface MeshSetting {
  readonly clock: Clock
  /** Draws endpoints, versions and faults. */
  readonly random: Random
  /** Draws the pauses between attempts: 0 is the shortest that full jitter allows, which is none. */
  readonly jitter: Random
  readonly network: Network | null
}

const processSetting: MeshSetting = { clock: systemClock, random: Math.random, jitter: Math.random, network: null }

/**
 * Makes this process a member of the mesh. Nothing global happens, no network is used before the first call, and a broken policy file is
 * reported and waited out rather than thrown: the application starts in any case.
 * @throws MeshError BAD_OPTIONS where the options are wrong, BAD_POLICY where policies given in code are, with all problems at once
 */
export function createMesh(options: MeshOptions): Mesh {
  return assembleMesh(options, processSetting)
}

/** `createMesh` on a ground of the caller's choice. */
export function assembleMesh(options: MeshOptions, setting: MeshSetting): Mesh {
  return new ServiceMesh(checkOptions(options), setting)
}

class ServiceMesh implements Mesh {
  readonly service: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #wheel: TimerWheel
  readonly #ground: StackGround
  readonly #discovery: Discovery | null
  readonly #setting: MeshSetting
  readonly #source: PolicySource
  readonly #table: ServiceTable
  readonly #lifecycle = new Lifecycle()
  readonly #announcements: Announcements
  readonly #keepsakes = new Map<string, unknown>()
  readonly #inbounds: Inbounds
  /** How servers of this service take connections. */
  readonly #mtls = new WatchSource<MtlsMode>()
  /** null where there is no control API. */
  readonly #control: Control | null
  readonly #registries: Registries
  #policies: PolicyInForce
  #problems: readonly string[]

  constructor(options: MeshOptions, setting: MeshSetting) {
    const { clock, random, jitter } = setting
    this.service = options.service
    this.#setting = setting
    this.#log = harmless(options.log ?? stderrLog)
    this.#announcements = new Announcements(this.#log)
    this.#clock = clock
    this.#wheel = new TimerWheel(clock)
    this.#ground = { clock, wheel: this.#wheel, random, jitter, meter: new Meter({ clock }), tracer: otelTracer() }
    this.#source = new PolicySource(options.policy, this.#log)
    this.#policies = inForce(this.#source.first)
    this.#problems = this.#source.firstProblems
    this.#inbounds = new Inbounds(this.#ground, clock, this.#wheel)
    this.#inbounds.retune(this.#policies.of(this.service))
    this.#mtls.set(this.#policies.of(this.service).access.mtls)
    this.#control = controlOf(options, { clock, random, log: this.#log })
    this.#registries = { control: this.#control, registrar: registrarOf(options) }
    this.#discovery = this.#control?.discovery ?? options.discovery ?? null
    this.#table = new ServiceTable({
      ground: this.#ground,
      discovery: this.#discovery,
      policies: () => this.#policies,
      listener: (service) => this.#announcements.of(service),
      zone: options.zone ?? '',
    })
    registerGauges(this.#ground.meter, this.#table, clock)
    const adopt = (set: PolicySet): readonly string[] => this.#adopt(set)
    const refuse = (problems: readonly string[]): void => this.#refuse(problems)
    this.#source.follow({ adopt, refuse })
    if (this.#discovery !== null) registerFreshness(this.#ground.meter, this.#discovery)
    if (this.#control !== null) registerControlMetrics(this.#ground.meter, this.#control)
    this.#control?.begin({ adopt, refuse })
    bindParts(this, this.#parts(options.zone ?? ''))
  }

  ready(): Promise<void> {
    // Without a control API everything there is to read is read when the mesh is made.
    return this.#control?.ready() ?? Promise.resolve()
  }

  close(options: { graceMs?: number } = {}): Promise<void> {
    return this.#lifecycle.close(options.graceMs ?? 10_000, async () => {
      await this.#control?.close()
      this.#source.close()
      this.#table.close()
      this.#wheel.stop()
      this.#announcements.close()
      try {
        await this.#discovery?.close()
      } catch (error) {
        this.#log.error(`the discovery did not close: ${String(error)}`)
      }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  explain(service?: string): Explanation {
    const names = service === undefined ? this.#names() : [service.toLowerCase()]
    const known = names.map((name) => this.#table.find(name)).filter((entry) => entry !== null)
    const now = this.#clock.now()
    return {
      mesh: this.service,
      revision: this.#policies.revision,
      problems: this.#problems,
      control: this.#control?.explain() ?? null,
      services: known.map((entry) => explainService(entry, this.#policies, now)),
    }
  }

  detached<T>(work: () => T): T {
    const ambient = currentAmbient()
    return runUnder(ambient === null ? null : new Ambient(ambient.trace, ambient.baggage, Number.POSITIVE_INFINITY), work)
  }

  metrics(): Promise<string> {
    this.#table.forgetGone()
    return renderMetrics(this.#ground.meter)
  }

  on<E extends keyof MeshEvents>(event: E, listener: (event: MeshEvents[E]) => void): () => void {
    return this.#announcements.on(event, listener)
  }

  #names(): string[] {
    return [...new Set([...(this.#discovery?.services() ?? []), ...this.#policies.services])].sort()
  }

  /** Puts a set in force; the problems for which it could not, none where it did. */
  #adopt(set: PolicySet): readonly string[] {
    const recovered = this.#problems.length > 0
    if (set.revision === this.#policies.revision) {
      this.#problems = []
      if (recovered) this.#announcements.emit('policy', { revision: set.revision, problems: [] })
      return []
    }
    const policies = inForce(set)
    let swap: () => void
    try {
      swap = this.#prepare(policies)
    } catch (error) {
      // A wire could not be built on it: nothing has changed, and nothing will.
      const problems = [`policy ${set.revision} cannot be built on: ${String(error)}`]
      this.#refuse(problems)
      return problems
    }
    this.#policies = policies
    this.#problems = []
    swap()
    this.#log.info(`policy ${set.revision} applied`)
    this.#announcements.emit('policy', { revision: set.revision, problems: [] })
    return []
  }

  // Builds everything new. What it returns cannot fail, and puts all of it in force in one tick.
  #prepare(policies: PolicyInForce): () => void {
    const swapTable = this.#table.prepare(policies)
    const swapInbounds = this.#inbounds.prepare(policies.of(this.service))
    return () => {
      swapInbounds()
      swapTable()
      const { mtls } = policies.of(this.service).access
      if (mtls !== this.#mtls.current) this.#mtls.set(mtls)
    }
  }

  #refuse(problems: readonly string[]): void {
    this.#problems = problems
    for (const problem of problems) this.#log.error(`policy refused, ${this.#policies.revision} stays: ${problem}`)
    this.#announcements.emit('policy', { revision: this.#policies.revision, problems })
  }

  #parts(zone: string): MeshParts {
    const mesh = this
    return {
      service: this.service,
      clock: this.#clock,
      wheel: this.#wheel,
      random: this.#setting.random,
      log: this.#log,
      tracer: this.#ground.tracer,
      network: this.#setting.network,
      disabled: process.env['MESH_DISABLE'] === '1',
      get closing() {
        return mesh.#lifecycle.closing
      },
      get isReady() {
        return !mesh.#lifecycle.closing && (mesh.#control?.isReady ?? true)
      },
      destination: (service: string, wire: Wire): Destination | null => this.#table.destination(service, wire),
      inquire: (service, limitMs) => this.#control?.inquiries.inquire(service, limitMs) ?? null,
      strangerError: (host) => this.#control?.inquiries.strangerError(host) ?? null,
      register: (server) => registerWith(this.#registries, this.service, { ...server, zone: server.zone || zone }),
      identity: null,
      mtls: this.#mtls,
      get maxAgeMs() {
        return mesh.#policies.of(mesh.service).connections.maxAgeMs
      },
      peerRefused: () => {},
      inbound: (wire) => {
        this.#control?.start()
        return this.#inbounds.open(this.#policies.of(this.service), wire)
      },
      once: <T>(key: string, make: () => T): T => {
        if (!this.#keepsakes.has(key)) this.#keepsakes.set(key, make())
        return this.#keepsakes.get(key) as T
      },
      closeWith: (thing: Closable, order) => this.#lifecycle.add(thing, order),
    }
  }
}
