/** A mesh with services beside it, for tests: no port, no control API, and in fidelity `direct` no time either. */
import type { Duplex } from 'node:stream'
import { ServerDoor } from '../identity/server-door.ts'
import type { Discovery, EndpointInfo } from '../kernel/discovery.ts'
import { type IdentitySource, type MtlsMode, mtlsLabel, mtlsLabelValue } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import { TimerWheel } from '../kernel/timer-wheel.ts'
import { WatchSource } from '../kernel/watch.ts'
import { assembleMesh } from '../mesh/mesh.ts'
import type { Mesh } from '../mesh/mesh-face.ts'
import type { MeshOptions } from '../mesh/mesh-options.ts'
import { fakeClock } from './fake-clock.ts'
import { MemoryNetwork } from './memory-network.ts'
import { realClock, type TestClock } from './real-clock.ts'
import { seededRandom } from './seeded-random.ts'
import type { TestAuthority } from './test-authority.ts'
import { checkMeshOptions, checkServiceOptions } from './test-options.ts'

/** How a protocol serves scripted services over byte streams; `httpWire` of `@zerohop/mesh-http/testing` is one. */
export interface TestWire {
  /** The protocols that its server names to a client that asks in its handshake (ALPN). Default: none. */
  readonly alpn?: readonly string[]
  /** Makes a server that asks `answer` for every request of the streams that it is handed. */
  serve(answer: (request: unknown) => unknown): TestWireServer
}

/** A server without a port. */
export interface TestWireServer {
  accept(socket: Duplex): void
  close(): void
}

/** How a test mesh is set up. */
export interface TestMeshOptions {
  /** Makes every random choice repeatable. Default 1. */
  readonly seed?: number
  /** True for pauses between attempts as a policy sets them; in virtual time a test must turn the clock then. Default: none in `direct`. */
  readonly pauses?: boolean
  readonly policy?: MeshOptions['policy']
  /** The name of the service that the mesh is. Default `test`. */
  readonly service?: string
  /** The zone of the mesh; '' for unknown, which is the default. */
  readonly zone?: string
  /**
   * Given: fidelity `wire`, the protocol's real client and server over byte streams, in real time. Default: `direct`, handlers called as
   * functions, in virtual time.
   */
  readonly wire?: TestWire
  /** Given, in fidelity `wire`: mesh and services have identities of this trust domain, and connections are secured by them. */
  readonly authority?: TestAuthority
  /** Default: silence. */
  readonly log?: Log
}

/** Answers request `n` of a scripted service, counted from 0 over all its instances, with what the protocol's `reply` makes. */
export type ServiceHandler<R> = (request: R, n: number) => unknown

/** How a scripted service is set up. */
export interface TestServiceOptions {
  /** Default 1. */
  readonly instances?: number
  /** The `version` label of each instance in turn; fewer than instances begin again. Default: none has one. */
  readonly versions?: readonly string[]
  /** The zone of each instance in turn. Default: unknown. */
  readonly zones?: readonly string[]
}

/** A request as a scripted service received it. */
export interface TestCall<R> {
  readonly request: R
  readonly n: number
  /** The instance that got it. */
  readonly address: string
  /** By the test mesh's clock. */
  readonly at: number
}

/** One instance of a scripted service. */
export interface TestInstance {
  readonly address: string
  /** '' for none. */
  readonly version: string
  /** Leaves in good order: no longer listed, takes nothing new, and finishes what it has. */
  stop(): void
  /** Dies: what is under way is cut and nothing new is taken, yet it stays listed, as after a crash. */
  kill(): void
  /** Is back, and listed. */
  start(): void
}

/** A scripted service. */
export interface TestService<R> {
  readonly name: string
  /** What its instances were asked, in order. */
  readonly calls: readonly TestCall<R>[]
  readonly instances: readonly TestInstance[]
}

/** A mesh in a network of its own. */
export interface TestMesh extends AsyncDisposable {
  readonly mesh: Mesh
  readonly clock: TestClock
  readonly network: MemoryNetwork
  /** Puts a scripted service into the network; the mesh knows it from now on. @throws Error where the name is taken */
  service<R = Request>(name: string, options: TestServiceOptions, handler: ServiceHandler<R>): TestService<R>
  /** Ends the mesh and its services. */
  close(): Promise<void>
}

const silence: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** Makes a mesh whose calls stay within the test. @throws MeshError BAD_OPTIONS, BAD_POLICY as `createMesh` does; TypeError for an unknown option */
export function testMesh(options: TestMeshOptions = {}): TestMesh {
  return new MeshUnderTest(checkMeshOptions(options))
}

class ListedServices implements Discovery {
  readonly name = 'test'
  readonly #sources = new Map<string, WatchSource<readonly EndpointInfo[]>>()

  list(service: string, endpoints: readonly EndpointInfo[]): void {
    const source = this.#sources.get(service)
    if (source === undefined) this.#sources.set(service, new WatchSource(endpoints))
    else source.set(endpoints)
  }

  watch(service: string): WatchSource<readonly EndpointInfo[]> | null {
    return this.#sources.get(service) ?? null
  }

  services(): readonly string[] {
    return [...this.#sources.keys()]
  }

  async close(): Promise<void> {}
}

class MeshUnderTest implements TestMesh {
  readonly mesh: Mesh
  readonly clock: TestClock
  readonly network = new MemoryNetwork()
  readonly #wire: TestWire | null
  readonly #authority: TestAuthority | null
  readonly #listed = new ListedServices()
  readonly #servers: TestWireServer[] = []

  constructor({ seed = 1, pauses = false, policy, service = 'test', zone = '', wire, authority, log = silence }: TestMeshOptions) {
    if (authority !== undefined && wire === undefined) throw new Error('the test mesh has no connections to secure: give it a wire, too')
    // Node.js 24 aborts the process where a stream of HTTP/2 is held back over TLS that runs over anything but a socket.
    if (authority !== undefined && wire?.alpn?.includes('h2') && Number.parseInt(process.versions.node, 10) < 26)
      throw new Error('mutual TLS for HTTP/2 over byte streams in memory needs Node.js 26 or later: test it over sockets')
    this.#wire = wire ?? null
    this.#authority = authority ?? null
    this.clock = wire === undefined ? fakeClock() : realClock
    const options = {
      service,
      log,
      discovery: this.#listed,
      ...(policy === undefined ? {} : { policy }),
      ...(zone === '' ? {} : { zone }),
      ...(authority === undefined ? {} : { identity: authority.identitySource(service) }),
    }
    const random = seededRandom(seed)
    // In virtual time a retry comes at once, the shortest pause that full jitter allows: a test need not turn the clock to see it.
    const jitter = wire === undefined && !pauses ? () => 0 : random
    this.mesh = assembleMesh(options, { clock: this.clock, random, jitter, network: this.network })
  }

  service<R = Request>(name: string, options: TestServiceOptions, handler: ServiceHandler<R>): TestService<R> {
    checkServiceOptions(name, options, handler)
    const { instances: size = 1 } = options
    const number = this.#listed.services().length
    if (this.#listed.watch(name) !== null) throw new Error(`the test mesh has a service "${name}" already`)
    const calls: TestCall<R>[] = []
    const infos = Array.from({ length: size }, (_, at) => this.#info(number, at, options))
    const listed = new Set(infos)
    const list = (): void =>
      this.#listed.list(
        name,
        [...infos].filter((info) => listed.has(info)),
      )
    const instances = infos.map((info): TestInstance => {
      const { address } = info
      this.#put(name, address, (request) => {
        const n = calls.length
        calls.push({ request: request as R, n, address, at: this.clock.now() })
        return handler(request as R, n)
      })
      return {
        address,
        version: info.labels.version ?? '',
        stop: () => {
          this.network.stop(address)
          if (listed.delete(info)) list()
        },
        kill: () => this.network.kill(address),
        start: () => {
          this.network.start(address)
          if (!listed.has(info)) {
            listed.add(info)
            list()
          }
        },
      }
    })
    list()
    return { name, calls, instances }
  }

  async close(): Promise<void> {
    await this.mesh.close({ graceMs: 0 })
    for (const server of this.#servers.splice(0)) server.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #info(service: number, at: number, options: TestServiceOptions): EndpointInfo {
    const info = instanceInfo(service, at, options)
    return this.#authority === null ? info : { ...info, labels: { ...info.labels, [mtlsLabel]: mtlsLabelValue } }
  }

  #put(name: string, address: string, answer: (request: unknown) => unknown): void {
    if (this.#wire === null) {
      this.network.answer(address, answer)
      return
    }
    const server = this.#wire.serve(answer)
    this.#servers.push(server)
    const entry = this.#authority === null ? server : doorOf(this.#authority.identitySource(name), this.#wire, server)
    this.network.listen(address, (socket) => entry.accept(socket))
  }
}

function doorOf(identity: IdentitySource, { alpn = [] }: TestWire, server: TestWireServer): ServerDoor {
  const ground = { identity, mtls: new WatchSource<MtlsMode>('strict'), clock: realClock, wheel: new TimerWheel(realClock) }
  return new ServerDoor(
    { ...ground, peerRefused: () => {} },
    { onConnection: (socket) => server.accept(socket), ...(alpn.length === 0 ? {} : { alpn }) },
  )
}

// Addresses of a private range: should one ever reach a real socket, nobody answers there. A network for each service, 250 instances in
// each.
function instanceInfo(service: number, at: number, { versions = [], zones = [] }: TestServiceOptions): EndpointInfo {
  const version = versions[at % versions.length]
  const address = `10.${service}.${Math.floor(at / 250)}.${(at % 250) + 1}:8080`
  return { address, labels: version === undefined ? {} : { version }, zone: zones[at % zones.length] ?? '', weight: 1 }
}
