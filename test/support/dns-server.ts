/** NSD, a DNS server that others run in earnest, on loopback with one zone that a test writes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'

const script = fileURLToPath(new URL('../../scripts/nsd.sh', import.meta.url))

/**
 * The program that starts the server, fetched where it is not here yet; null, and why on the screen, where it cannot be had.
 * @throws Error where REQUIRE_DNS=1 says that it must be had, or the script is broken
 */
export function dnsProgram(): string | null {
  const { status, stdout, stderr, error } = spawnSync(script, ['fetch'], { encoding: 'utf8', timeout: 120_000 })
  if (status === 0) return stdout.trim()
  const why = error?.message ?? stderr.trim()
  // 3 is its word for "not on this machine".
  if (process.env.REQUIRE_DNS === '1' || status !== 3) throw new Error(`a DNS server is required here: ${why}`)
  console.warn(`skipped: ${why}`)
  return null
}

/** The one zone that it serves, with a lifetime of 1 s for all that it holds. */
export const zone = 'shop.test'

/** One server. */
export class DnsServer implements AsyncDisposable {
  readonly port: number
  readonly #program: string
  readonly #folder: string
  readonly #asker: Resolver
  #serial = 0
  #child: ChildProcess | null = null

  private constructor(program: string, port: number, folder: string) {
    this.#program = program
    this.port = port
    this.#folder = folder
    this.#asker = new Resolver({ timeout: 200, tries: 1 })
    this.#asker.setServers([`127.0.0.1:${port}`])
  }

  /**
   * A server that serves these records, each a line of a zone file: `inventory A 127.0.0.1`.
   * @param program what `dnsProgram` returned
   */
  static async serving(program: string | null, records: readonly string[]): Promise<DnsServer> {
    if (program === null) throw new Error('there is no DNS server: skip what needs one')
    const folder = await mkdtemp(join(tmpdir(), 'zerohop-dns-'))
    const server = new DnsServer(program, await freePort(), folder)
    await writeFile(join(folder, 'nsd.conf'), settings(folder, server.port))
    await server.#write(records)
    try {
      await server.start()
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
    return server
  }

  /** Where clients find it. */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Starts it, and waits until it answers: from the zone, or without its file with SERVFAIL. */
  async start(): Promise<void> {
    const child = spawn(this.#program, ['-d', '-c', join(this.#folder, 'nsd.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    this.#child = child
    // A test run that is cut off leaves no server behind.
    process.once('exit', this.#killGroup)
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`nsd ended with exit code ${child.exitCode}: ${said}`)
      return (await this.#served()) !== null
    }, 'the DNS server answers')
  }

  /** From now on it serves these records; resolves as soon as it does. */
  async serve(records: readonly string[]): Promise<void> {
    await this.#write(records)
    this.#child?.kill('SIGHUP')
    await eventually(async () => (await this.#served()) === this.#serial, 'the DNS server serves the new zone')
  }

  /** It loses its zone, and answers SERVFAIL from now on; `serve` after another `restart` brings the zone back. */
  async loseZone(): Promise<void> {
    await rm(join(this.#folder, 'zone'))
    await this.restart()
  }

  /** Ends it and starts it again, with the zone file as it is. */
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** Takes its processes off the processor: what is asked stays unanswered. */
  freeze(): void {
    this.#signal('SIGSTOP')
  }

  /** Lets them go on. */
  thaw(): void {
    this.#signal('SIGCONT')
  }

  /** Ends all its processes at once. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null) return
    this.#killGroup()
    this.#child = null
    process.off('exit', this.#killGroup)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true })
  }

  readonly #killGroup = (): void => this.#signal('SIGKILL')

  // To the group: it answers from a process of its own, beside the one that was started.
  #signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined && this.#child.exitCode === null) process.kill(-this.#child.pid, signal)
  }

  // Renamed into place: a server that reads while it is written must not see half of it.
  async #write(records: readonly string[]): Promise<void> {
    this.#serial++
    const head = [`$ORIGIN ${zone}.`, '$TTL 1', `@ SOA ns root ${this.#serial} 60 60 3600 1`, '@ NS ns', 'ns A 127.0.0.1']
    const next = join(this.#folder, 'next')
    await writeFile(next, `${[...head, ...records].join('\n')}\n`)
    await rename(next, join(this.#folder, 'zone'))
  }

  // The serial number of the zone; 0 where it has none to serve, null where nobody answers.
  async #served(): Promise<number | null> {
    try {
      return (await this.#asker.resolveSoa(zone)).serial
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESERVFAIL' ? 0 : null
    }
  }
}

function settings(folder: string, port: number): string {
  return `server:
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  server-count: 1
  tcp-count: 1
  tcp-timeout: 3
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "${zone}"
  zonefile: "zone"
`
}

// Free for datagrams and for connections: it answers over both.
async function freePort(): Promise<number> {
  const tcp = createServer().listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo
  const udp = createSocket('udp4').bind(port, '127.0.0.1')
  const isFree = await once(udp, 'listening').then(
    () => true,
    () => false,
  )
  udp.close()
  tcp.close()
  return isFree ? port : freePort()
}
