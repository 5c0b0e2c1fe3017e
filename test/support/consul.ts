/** Real Consul servers on loopback, which a test kills, starts again, and robs of all they know. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

const script = fileURLToPath(new URL('../../scripts/consul.sh', import.meta.url))

/**
 * Why there is no Consul here; '' where there is one.
 * @throws Error where REQUIRE_CONSUL=1 says that there must be one
 */
export function whyNoConsul(): string {
  const { status, stderr, error } = spawnSync(script, ['fetch'], { encoding: 'utf8', timeout: 120_000 })
  if (status === 0) return ''
  const why = error?.message ?? stderr.trim()
  if (process.env.REQUIRE_CONSUL === '1' || (status !== 3 && error === undefined)) throw new Error(`Consul is required here: ${why}`)
  console.warn(`skipped: ${why}`)
  return why
}

/** An instance as a test writes it into the catalog. */
export interface CatalogEntry {
  readonly service: string
  /** `host:port` */
  readonly address: string
  readonly meta?: Readonly<Record<string, string>>
}

interface Server {
  readonly name: string
  readonly directory: string
  readonly http: number
  readonly gossip: number
  process: ChildProcess | null
}

/** One cluster. */
export class ConsulCluster implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'zerohop-consul-'))
  readonly #servers: Server[] = []

  /** Starts so many servers; resolves once they have a leader. */
  static async start(servers: number): Promise<ConsulCluster> {
    const cluster = new ConsulCluster()
    const ports = await freePorts(servers)
    for (const [index, { http, gossip }] of ports.entries()) {
      const name = `server-${index}`
      cluster.#servers.push({ name, directory: join(cluster.#directory, name), http, gossip, process: null })
    }
    await cluster.startAll()
    return cluster
  }

  /** The HTTP APIs of all servers. */
  get addresses(): string[] {
    return this.#servers.map(({ http }) => `http://127.0.0.1:${http}`)
  }

  /** Starts every server that does not run; resolves once there is a leader. */
  async startAll(): Promise<void> {
    for (const server of this.#servers) {
      if (server.process !== null) continue
      const { name, directory, http, gossip } = server
      const others = this.#servers.filter((other) => other !== server).map((other) => other.gossip)
      const ports = [http, this.#servers.length, gossip, ...others].map(String)
      server.process = spawn(script, ['server', name, directory, ...ports], { stdio: 'ignore' })
    }
    await eventually(async () => (await this.#leader()) !== null, 'the servers have a leader')
  }

  /** Ends a server that does not lead, without a word to it. */
  async killFollower(): Promise<void> {
    const leader = await this.#leader()
    await this.#kill(this.#servers.find((server) => server.process !== null && server !== leader) as Server)
  }

  /** Ends the server that leads; resolves once another one does, with the time at which it was seen to. */
  async killLeader(): Promise<number> {
    const leader = (await this.#leader()) as Server
    await this.#kill(leader)
    await eventually(async () => ![null, leader].includes(await this.#leader()), 'another server leads')
    return performance.now()
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#servers.map((server) => this.#kill(server)))
  }

  /** Takes from servers that do not run all that they knew. */
  wipe(): void {
    for (const { directory } of this.#servers) rmSync(directory, { recursive: true, force: true })
  }

  /** Writes instances straight into the catalog, each on a node of its own: nobody renews them. */
  async write({ service, address, meta = {} }: CatalogEntry): Promise<void> {
    const [host, port] = address.split(':') as [string, string]
    const entry = { Service: service, ID: `${service}-${port}`, Address: host, Port: Number(port), Meta: meta }
    await this.put('/v1/catalog/register', { Node: `node-${port}`, Address: host, SkipNodeUpdate: false, Service: entry })
  }

  /** Takes out again what `write` wrote. */
  async erase(address: string): Promise<void> {
    await this.put('/v1/catalog/deregister', { Node: `node-${address.split(':')[1]}` })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killAll()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** Writes something at the API of a server that runs. */
  async put(path: string, body: object): Promise<void> {
    const { http } = this.#servers.find((server) => server.process !== null) as Server
    const response = await fetch(`http://127.0.0.1:${http}${path}`, { method: 'PUT', body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  }

  /** The server that leads, as a server that runs says; null while none does. */
  async #leader(): Promise<Server | null> {
    for (const { process, http } of this.#servers) {
      if (process === null) continue
      const told = await fetch(`http://127.0.0.1:${http}/v1/status/leader`, { signal: AbortSignal.timeout(2000) }).then(
        (response) => (response.ok ? response.json() : ''),
        () => '',
      )
      const leader = this.#servers.find(({ gossip }) => told === `127.0.0.1:${gossip - 1}`)
      if (leader !== undefined) return leader
    }
    return null
  }

  async #kill(server: Server): Promise<void> {
    const { process } = server
    if (process === null) return
    server.process = null
    const ended = once(process, 'exit')
    process.kill('SIGKILL')
    await ended
  }
}

/** Ports that nobody listens on, below those that a system gives by itself. */
async function freePorts(servers: number): Promise<{ http: number; gossip: number }[]> {
  for (let base = 20_000 + Math.floor(Math.random() * 1000) * 10; ; base += 10) {
    const ports = Array.from({ length: servers }, (_, n) => ({ http: base + 3 * n, gossip: base + 3 * n + 2 }))
    const areFree = await Promise.all(ports.flatMap(({ http, gossip }) => [http, gossip - 1, gossip]).map(isFree))
    if (areFree.every(Boolean)) return ports
  }
}

async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  return promise
}
