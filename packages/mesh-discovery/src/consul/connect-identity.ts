/** Consul Connect as the source of a mesh's identity: certificates that Consul's authority issues and renews. */
import type { Identity, IdentitySource } from '@zerohop/mesh-core'
import { WatchSource } from '@zerohop/mesh-core'
import {
  type Clock,
  foreignIdentity,
  harmless,
  isSameIdentity,
  type Log,
  type Random,
  stderrLog,
  systemClock,
} from '@zerohop/mesh-core/transport'
import { ConnectLoop } from './connect-loop.ts'
import { type ConnectLeaf, type ConnectPart, readLeaf, readRoots } from './connect-request.ts'
import { ConsulClient } from './consul-client.ts'
import { type ConnectIdentityOptions, checkIdentityOptions } from './consul-options.ts'

/**
 * For `createMesh({ identity: connectIdentity({ service: 'cart' }) })`. Consul makes the key and renews the certificate; while no agent
 * answers, the last one stays. The key comes over the wire: the agent belongs on this machine, or behind `https`.
 * @throws MeshError BAD_OPTIONS where the options are wrong; never for Consul
 */
export function connectIdentity(options: ConnectIdentityOptions): IdentitySource {
  checkIdentityOptions(options)
  return new ConnectIdentity(options, { clock: systemClock, random: Math.random })
}

const place = "Consul's answer"
const places = { certificate: place, key: place, roots: place }

class ConnectIdentity implements IdentitySource {
  readonly name = 'connect'
  readonly renewals = new Map<string, number>()
  // The certificate may be well and the roots not, or each of them and not both together.
  readonly #problems = { leaf: '', roots: '', both: '' }
  readonly #service: string
  readonly #log: Log
  readonly #client: ConsulClient
  readonly #source = new WatchSource<Identity>()
  readonly #loops: readonly ConnectLoop[]
  #leaf: ConnectLeaf | null = null
  #roots: string | null = null

  constructor(options: ConnectIdentityOptions, time: { clock: Clock; random: Random }) {
    const { service, log } = options
    this.#service = service
    this.#log = harmless(log ?? stderrLog)
    const client = new ConsulClient(options)
    this.#client = client
    const loop = (part: ConnectPart, took: (body: unknown) => void): ConnectLoop =>
      new ConnectLoop({ part, service, client, ...time, took, failed: (problem) => this.#failed('failed', part, problem) })
    this.#loops = [
      loop('leaf', (body) => {
        this.#leaf = readLeaf(body)
        this.#take('leaf')
      }),
      loop('roots', (body) => {
        this.#roots = readRoots(body)
        this.#take('roots')
      }),
    ]
  }

  get current(): Identity | undefined {
    return this.#source.current
  }

  get problem(): string {
    const { leaf, roots, both } = this.#problems
    return leaf || roots || both
  }

  subscribe(listener: (identity: Identity) => void): () => void {
    return this.#source.subscribe(listener)
  }

  start(): void {
    for (const loop of this.#loops) loop.start()
  }

  /** Consul alone decides when there is another one: takes what it has now. */
  async renew(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.askNow()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.close()))
    this.#client.close()
    this.#leaf = null
  }

  // While the root is being turned over, what came first may not fit the other yet: the identity from before stays until it does.
  #take(news: ConnectPart): void {
    this.#solved(news)
    if (this.#leaf === null || this.#roots === null) return
    const generation = (this.current?.generation ?? 0) + 1
    let identity: Identity
    try {
      identity = foreignIdentity(
        { ...this.#leaf, roots: this.#roots },
        { generation, now: Date.now(), places, formOf: (own) => this.#formOf(own.path) },
      )
    } catch (error) {
      this.#failed('refused', 'both', (error as Error).message)
      return
    }
    this.#solved('both')
    if (isSameIdentity(identity, this.current)) return
    this.#count('adopted')
    this.#source.set(identity)
  }

  // Namespace and datacenter of the others are taken for those of this process.
  #formOf(path: string): string {
    const end = `/svc/${this.#service}`
    if (!path.endsWith(end)) throw new Error(`is that of ${path}, and not of the service ${this.#service}`)
    return `spiffe://{trustDomain}${path.slice(0, -this.#service.length)}{service}`
  }

  #solved(part: ConnectPart | 'both'): void {
    if (this.#problems[part] === '') return
    this.#problems[part] = ''
    if (this.problem === '') this.#log.warn(`consul: the identity of ${this.#service} is well again`)
  }

  #failed(result: 'failed' | 'refused', part: ConnectPart | 'both', problem: string): void {
    this.#count(result)
    if (this.problem === '') {
      const kept = this.current === undefined ? 'has none yet' : 'keeps its last one'
      this.#log.warn(`consul: the identity of ${this.#service}: this process ${kept}, and asks again: ${problem}`)
    }
    this.#problems[part] = problem
  }

  #count(result: 'adopted' | 'failed' | 'refused'): void {
    this.renewals.set(result, (this.renewals.get(result) ?? 0) + 1)
  }
}
