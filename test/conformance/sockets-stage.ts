/** A stage over real sockets on loopback and in real time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { mtlsLabel, mtlsLabelValue } from '@zerohop/mesh-core/transport'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { quietLog } from '../support/quiet-log.ts'
import type { CallSpec, Case, Upstream } from './case.ts'
import { provingToBe } from './identities.ts'
import { PlacedCall } from './placed-call.ts'
import type { Reception } from './reception.ts'
import { Script } from './script.ts'
import { host } from './seen.ts'
import { socketsReception } from './sockets-reception.ts'
import type { Arrival, Stage } from './stage.ts'
import type { Brought, Caller, InboundDoor, InstanceServer, OpenRequest, Serve, Wire } from './wire.ts'

// Ports below 1024 that nothing of this process can have taken, and at which nobody listens.
const deadPorts = [1, 9, 17]

/** Makes the stage of a case. */
export async function socketsStage(wire: Wire, { policy: given, upstream }: Pick<Case, 'policy' | 'upstream'>): Promise<Stage> {
  const policy = { ...wire.policyOf(given), service: host }
  const scene = new Scene(wire, upstream, policy)
  const addresses = await scene.start()
  const { versions = [], zones = [], zone } = upstream
  const endpoints = addresses.map((address, number) => {
    const version = versions[number % versions.length]
    const standing = zones[number % zones.length]
    const labels = upstream.identities?.instances ? { labels: { [mtlsLabel]: mtlsLabelValue } } : {}
    return { address, ...labels, ...(version === undefined ? {} : { version }), ...(standing === undefined ? {} : { zone: standing }) }
  })
  const discovery = staticEndpoints({ [host]: endpoints })
  const standing = zone === undefined ? {} : { zone }
  const mesh = createMesh({
    service: 'caller',
    log: quietLog,
    discovery,
    policy,
    ...standing,
    ...provingToBe(upstream.identities?.caller ?? ''),
  })
  return new SocketsStage(wire, { mesh, scene, policy, caller: wire.caller(mesh, upstream) })
}

/** The instances of a service. */
class Scene {
  readonly arrivals: Arrival[] = []
  whenArrived: ((number: number) => void) | null = null
  readonly servers: InstanceServer[] = []
  readonly script: Script
  readonly #wire: Wire
  readonly #upstream: Upstream
  readonly #policy: object
  readonly #meshes: Mesh[] = []

  constructor(wire: Wire, upstream: Upstream, policy: object) {
    this.#wire = wire
    this.#upstream = upstream
    this.script = new Script(upstream)
    this.#policy = policy
  }

  async start(): Promise<string[]> {
    const { instances = 1, down = [], meshed = false, identities } = this.#upstream
    const addresses: string[] = []
    for (let number = 0; number < instances; number++) {
      if (down.includes(number)) addresses.push(`127.0.0.1:${deadPorts[number]}`)
      else if (meshed || identities !== undefined) addresses.push(await this.#startMeshed(number))
      else addresses.push(await this.#startPlain(number))
    }
    return addresses
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()))
    await Promise.all(this.#meshes.map((mesh) => mesh.close({ graceMs: 0 })))
  }

  async #startPlain(number: number): Promise<string> {
    const server = this.#wire.instance(this.#serve(number), this.#upstream.freshConnections === true)
    this.servers[number] = server
    await server.start()
    return `127.0.0.1:${server.port}`
  }

  async #startMeshed(number: number): Promise<string> {
    const mesh = createMesh({
      service: host,
      log: quietLog,
      policy: this.#policy,
      ...provingToBe(this.#upstream.identities?.instances ?? ''),
    })
    this.#meshes.push(mesh)
    return `127.0.0.1:${await this.#wire.member(mesh, this.#serve(number))}`
  }

  #serve(instance: number): Serve {
    return (told) => {
      const behaviour = this.script.next(instance)
      this.arrivals.push({ ...told, instance, at: performance.now(), executed: behaviour.kind !== 'refuses' })
      this.whenArrived?.(this.arrivals.length)
      return behaviour
    }
  }
}

/** What a stage stands on. */
interface Ground {
  readonly mesh: Mesh
  readonly scene: Scene
  readonly policy: Case['policy']
  readonly caller: Caller
}

class SocketsStage implements Stage {
  readonly runner = 'sockets'
  readonly wire: Wire
  // A test run shares the machine with others: half a second is more than any pause of the event loop that is no defect.
  readonly slackMs = 500
  readonly mesh: Mesh
  readonly #scene: Scene
  readonly #caller: Caller
  readonly #door: InboundDoor
  readonly #policy: Case['policy']
  #reception: Reception | null = null

  constructor(wire: Wire, { mesh, scene, policy, caller }: Ground) {
    this.wire = wire
    this.#policy = policy
    this.mesh = mesh
    this.#scene = scene
    this.#caller = caller
    this.#door = wire.door(mesh)
  }

  get arrivals(): readonly Arrival[] {
    return this.#scene.arrivals
  }

  get whenArrived(): Stage['whenArrived'] {
    return this.#scene.whenArrived
  }

  set whenArrived(listener: Stage['whenArrived']) {
    this.#scene.whenArrived = listener
  }

  get reception(): Reception {
    this.#reception ??= socketsReception(this.#policy, this.wire)
    return this.#reception
  }

  now(): number {
    return performance.now()
  }

  async heal(): Promise<void> {
    this.#scene.script.healed = true
    await Promise.all(this.#scene.servers.map((server) => server.start()))
  }

  place(spec: CallSpec, request: OpenRequest | null): PlacedCall {
    const make = (): PlacedCall => new PlacedCall(this.#caller, spec, () => this.now())
    return request === null ? make() : request.under(make)
  }

  open(brought: Brought): Promise<OpenRequest> {
    return this.#door.open(brought)
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms)
  }

  async until(done: () => boolean, mostMs: number): Promise<boolean> {
    for (const since = this.now(); !done() && this.now() - since < mostMs + this.slackMs; ) await sleep(2)
    return done()
  }

  async instance(number: number, move: 'kill' | 'start'): Promise<void> {
    await this.#scene.servers[number]?.[move]()
  }

  busy(): number {
    return this.#scene.servers.reduce((sum, server) => sum + server.busy, 0)
  }

  connections(): number {
    return this.#scene.servers.reduce((sum, server) => sum + server.connections, 0)
  }

  timers(): number {
    return 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#door.close()
    await this.mesh.close({ graceMs: 0 })
    await this.#reception?.close()
    await this.#scene.close()
  }
}
