/** createMesh: wires the parts, starts them, adopts policies, ends them. */
import type { Control } from '../control/control.ts'
import { Ambient, currentAmbient, runUnder } from '../kernel/ambient.ts'
import type { Discovery } from '../kernel/discovery.ts'
import type { MtlsMode } from '../kernel/identity.ts'
import { harmless, type Log, stderrLog } from '../kernel/log.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { WatchSource } from '../kernel/watch.ts'
import { Meter } from '../observe/meter.ts'
import { otelTracer } from '../observe/otel.ts'
import { renderMetrics } from '../observe/prometheus.ts'
import type { EffectivePolicy } from '../policy/index.ts'
import type { StackGround } from '../stack/client-stack.ts'
import type { Destination } from '../stack/destination.ts'
import type { Wire } from '../stack/wire.ts'
import { AccessState } from './access-state.ts'
import { Adoption } from './adoption.ts'
import { Announcements } from './announcements.ts'
import { controlOf } from './control-of.ts'
import { type Explanation, explainService } from './explain.ts'
import { identityOf } from './identity-of.ts'
import { Inbounds } from './inbounds.ts'
import { Lifecycle } from './lifecycle.ts'
import { bindParts, type Closable, type Mesh, type MeshEvents, type MeshParts } from './mesh-face.ts'
import { registerMetrics } from './mesh-metrics.ts'
import { checkOptions, type MeshOptions } from './mesh-options.ts'
import { type MeshSetting, processSetting } from './mesh-setting.ts'
import { missingPolicy } from './missing-policy.ts'
import { isTurnedOff, tellOfSwitch } from './off-switch.ts'
import { OwnIdentity } from './own-identity.ts'
import type { PolicyInForce } from './policy-in-force.ts'
import { PolicySource } from './policy-source.ts'
import { RefusedPeers } from './refused-peers.ts'
import { type Registries, registerWith, registrarOf } from './registrations.ts'
import { ServiceTable } from './service-table.ts'
import { explainVisitors } from './shown-visitors.ts'
import { strangerError } from './stranger-error.ts'
import { whyUnready } from './why-unready.ts'

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
  readonly #visitors: AccessState
  /** How servers of this service take connections. */
  readonly #mtls = new WatchSource<MtlsMode>()
  /** null where there is no control API. */
  readonly #control: Control | null
  readonly #registries: Registries
  readonly #identity: OwnIdentity
  readonly #refusedPeers: RefusedPeers
  readonly #adoption: Adoption

  constructor(options: MeshOptions, setting: MeshSetting) {
    const { clock, random, jitter, wallNow = Date.now } = setting
    this.service = options.service
    this.#setting = setting
    const log = harmless(options.log ?? stderrLog)
    this.#log = log
    tellOfSwitch(log)
    const announcements = new Announcements(log)
    this.#announcements = announcements
    this.#wheel = new TimerWheel(clock)
    this.#ground = { clock, wheel: this.#wheel, random, jitter, meter: new Meter({ clock }), tracer: otelTracer() }
    this.#source = new PolicySource(options.policy, log)
    this.#adoption = new Adoption({ source: this.#source, log, announcements, prepare: (policies) => this.#prepare(policies) })
    const policyMissing = missingPolicy(options, { adoption: () => this.#adoption, control: () => this.#control })
    this.#visitors = new AccessState({ clock, log, source: () => this.#identity.source, policyMissing })
    this.#inbounds = new Inbounds(this.#ground, this.#visitors)
    this.#inbounds.retune(this.#own)
    this.#mtls.set(this.#own.access.mtls)
    this.#refusedPeers = new RefusedPeers(clock, log)
    const ground = { clock, random, log, wallNow }
    this.#control = controlOf(options, ground)
    const source = identityOf(options, this.#control, ground)
    this.#identity = new OwnIdentity({ service: this.service, source, mtls: this.#mtls, clock, wallNow, log, announcements })
    this.#registries = { control: this.#control, registrar: registrarOf(options) }
    this.#discovery = this.#control?.discovery ?? options.discovery ?? null
    this.#table = new ServiceTable({
      ground: this.#ground,
      discovery: this.#discovery,
      policies: () => this.#adoption.policies,
      listener: (service) => this.#announcements.of(service),
      zone: options.zone ?? '',
    })
    registerMetrics(this.#ground.meter, {
      clock,
      table: this.#table,
      visitors: this.#visitors.counts,
      refusedPeers: this.#refusedPeers,
      identity: source,
      leastLeft: this.#identity.leastLeft,
      discovery: this.#discovery,
      control: this.#control,
    })
    this.#source.follow(this.#adoption)
    this.#control?.begin(this.#adoption)
    bindParts(this, this.#parts(options.zone ?? ''))
  }

  async ready(): Promise<void> {
    // Without a control API everything there is to read is read when the mesh is made.
    await Promise.all([this.#identity.ready(), this.#control?.ready()])
  }

  close(options: { graceMs?: number } = {}): Promise<void> {
    return this.#lifecycle.close(options.graceMs ?? 10_000, async () => {
      await this.#identity.close()
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
    const now = this.#ground.clock.now()
    return {
      mesh: this.service,
      revision: this.#adoption.policies.revision,
      problems: this.#adoption.problems,
      identity: this.#identity.explain(),
      visitors: explainVisitors(this.#visitors.counts, now),
      control: this.#control?.explain() ?? null,
      services: known.map((entry) => explainService(entry, this.#adoption.policies, now)),
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
    return [...new Set([...(this.#discovery?.services() ?? []), ...this.#adoption.policies.services])].sort()
  }

  /** What holds for this service itself. */
  get #own(): EffectivePolicy {
    return this.#adoption.policies.of(this.service)
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

  #parts(zone: string): MeshParts {
    const [mesh, disabled] = [this, isTurnedOff()]
    return {
      service: this.service,
      clock: this.#ground.clock,
      wheel: this.#wheel,
      random: this.#setting.random,
      log: this.#log,
      tracer: this.#ground.tracer,
      network: this.#setting.network,
      disabled,
      get closing() {
        return mesh.#lifecycle.closing
      },
      get unready() {
        return whyUnready({ lifecycle: mesh.#lifecycle, visitors: mesh.#visitors, control: mesh.#control, identity: mesh.#identity })
      },
      destination: (service: string, wire: Wire): Destination | null => {
        this.#identity.begin()
        return this.#table.destination(service, wire)
      },
      expected: (service: string, wire: Wire) => this.#table.expected(service, wire),
      inquire: (service, limitMs) => this.#control?.inquiries.inquire(service, limitMs) ?? null,
      strangerError: (host) => strangerError(host, { control: this.#control, policies: this.#adoption.policies, table: this.#table }),
      register: (server) => {
        this.#identity.begin()
        return registerWith(this.#registries, this.service, { ...server, zone: server.zone || zone })
      },
      get identity() {
        return mesh.#identity.source
      },
      leastLeft: this.#identity.leastLeft,
      mtls: this.#mtls,
      get maxAgeMs() {
        return mesh.#own.connections.maxAgeMs
      },
      peerRefused: (reason, sentence) => this.#refusedPeers.add(reason, sentence),
      inbound: (wire) => {
        if (disabled) return { send: wire.bottom }
        this.#identity.begin()
        this.#control?.start()
        return this.#inbounds.open(this.#own, wire)
      },
      once: <T>(key: string, make: () => T): T => {
        if (!this.#keepsakes.has(key)) this.#keepsakes.set(key, make())
        return this.#keepsakes.get(key) as T
      },
      closeWith: (thing: Closable, order) => this.#lifecycle.add(thing, order),
    }
  }
}
