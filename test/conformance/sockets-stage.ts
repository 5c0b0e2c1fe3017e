/** A stage over real sockets on loopback and in real time. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { type MeshFetch, meshFetch, serveHttp } from '@zerohop/mesh-http'
import { LoopbackServer } from '../support/loopback-server.ts'
import { quietLog } from '../support/quiet-log.ts'
import { behave } from './behave.ts'
import type { CallSpec, Case, Upstream } from './case.ts'
import { toldBy } from './http-words.ts'
import { InboundDoor } from './inbound-door.ts'
import { host, PlacedCall } from './placed-call.ts'
import type { Reception } from './reception.ts'
import { Script } from './script.ts'
import { socketsReception } from './sockets-reception.ts'
import type { Arrival, Brought, OpenRequest, Stage } from './stage.ts'

// Ports below 1024 that nothing of this process can have taken, and at which nobody listens.
const deadPorts = [1, 9, 17]

/** Makes the stage of a case. */
export async function socketsStage({ policy, upstream }: Pick<Case, 'policy' | 'upstream'>): Promise<Stage> {
  const scene = new Scene(upstream, { ...policy, service: host })
  const addresses = await scene.start()
  const { versions = [], zones = [], zone } = upstream
  const endpoints = addresses.map((address, number) => {
    const version = versions[number % versions.length]
    const standing = zones[number % zones.length]
    return { address, ...(version === undefined ? {} : { version }), ...(standing === undefined ? {} : { zone: standing }) }
  })
  const discovery = staticEndpoints({ [host]: endpoints })
  const options = { service: 'caller', log: quietLog, discovery, policy: { ...policy, service: host } }
  return new SocketsStage(createMesh(zone === undefined ? options : { ...options, zone }), scene, policy)
}

/** The instances of a service. */
class Scene {
  readonly arrivals: Arrival[] = []
  whenArrived: ((number: number) => void) | null = null
  readonly servers: LoopbackServer[] = []
  readonly script: Script
  readonly #upstream: Upstream
  readonly #policy: object
  readonly #meshes: Mesh[] = []

  constructor(upstream: Upstream, policy: object) {
    this.#upstream = upstream
    this.script = new Script(upstream)
    this.#policy = policy
  }

  async start(): Promise<string[]> {
    const { instances = 1, down = [], meshed = false } = this.#upstream
    const addresses: string[] = []
    for (let number = 0; number < instances; number++) {
      if (down.includes(number)) addresses.push(`127.0.0.1:${deadPorts[number]}`)
      else if (meshed) addresses.push(await this.#startMeshed(number))
      else addresses.push(await this.#startPlain(number))
    }
    return addresses
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()))
    await Promise.all(this.#meshes.map((mesh) => mesh.close({ graceMs: 0 })))
  }

  async #startPlain(number: number): Promise<string> {
    const server = new LoopbackServer((request, response) => this.#serve(number, request, response))
    this.servers[number] = server
    await server.start()
    return `127.0.0.1:${server.port}`
  }

  async #startMeshed(number: number): Promise<string> {
    const mesh = createMesh({ service: host, log: quietLog, policy: this.#policy })
    this.#meshes.push(mesh)
    const app = (request: IncomingMessage, response: ServerResponse): void => this.#serve(number, request, response)
    return (await serveHttp(mesh, app, { port: 0, host: '127.0.0.1', signals: false })).address
  }

  #serve(instance: number, request: IncomingMessage, response: ServerResponse): void {
    const behaviour = this.script.next(instance)
    this.arrivals.push({ ...toldBy(request.headers), instance, at: performance.now(), executed: behaviour.kind !== 'refuses' })
    this.whenArrived?.(this.arrivals.length)
    if (this.#upstream.freshConnections === true) response.shouldKeepAlive = false
    void behave(behaviour, request, response)
  }
}

class SocketsStage implements Stage {
  readonly runner = 'sockets'
  // A test run shares the machine with others: half a second is more than any pause of the event loop that is no defect.
  readonly slackMs = 500
  readonly mesh: Mesh
  readonly #scene: Scene
  readonly #fetch: MeshFetch
  readonly #door: InboundDoor
  readonly #policy: Case['policy']
  #reception: Reception | null = null

  constructor(mesh: Mesh, scene: Scene, policy: Case['policy']) {
    this.#policy = policy
    this.mesh = mesh
    this.#scene = scene
    this.#fetch = meshFetch(mesh)
    this.#door = new InboundDoor(mesh)
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
    this.#reception ??= socketsReception(this.#policy)
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
    const make = (): PlacedCall => new PlacedCall(this.#fetch, spec, () => this.now())
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
    await this.mesh.close({ graceMs: 0 })
    await this.#reception?.close()
    await this.#scene.close()
  }
}
