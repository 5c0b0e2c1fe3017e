/** The Consul of a run that has one: fetched where it can be had, started on loopback, ended with the run. */
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RunDirectory } from './run-directory.ts'
import { TetheredProcess } from './tethered-process.ts'
import { until } from './until.ts'

const script = fileURLToPath(new URL('../../../scripts/consul.sh', import.meta.url))
const keeper = fileURLToPath(new URL('./consul-keeper.ts', import.meta.url))
// A download of 15 MB.
const fetchWithinMs = 120_000
const startWithinMs = 30_000
const answerWithinMs = 5000
// Below the ports that systems give by themselves, which services of this run are about to get.
const firstPort = 30_000
const portTries = 250
const portsPerTry = 10

/** Sees to it that this machine has a Consul to start. @throws Error that says why it cannot have one */
export async function fetchConsul(): Promise<void> {
  try {
    await promisify(execFile)(script, ['fetch'], { timeout: fetchWithinMs })
  } catch (error) {
    const { stderr = '', message } = error as Error & { readonly stderr?: string }
    const why = stderr.trim().split('\n').at(-1)?.replace('consul.sh: no Consul here: ', '') || message
    throw new Error(`--consul needs a Consul, and this machine can have none: ${why}`)
  }
}

/** One server on loopback, which is its own agent. */
export class Consul {
  /** The origin of its HTTP API; '' until it was started. */
  address = ''
  /** `1.8.7`; '' until it was started. */
  version = ''
  /** How long an instance counts as there after it last said so. */
  readonly ttlMs: number
  readonly #run: RunDirectory
  #process: TetheredProcess | null = null
  #closed = false

  constructor(run: RunDirectory, ttlMs: number) {
    this.#run = run
    this.ttlMs = ttlMs
  }

  /** Starts it; resolves when it leads, and so can be written to. @throws Error with its last words where it ended or took too long */
  async start(): Promise<void> {
    const [http, gossip] = await freePorts()
    if (this.#closed) throw new Error('Consul is not started: the shop is closing')
    const address = `http://127.0.0.1:${http}`
    const started = new TetheredProcess(this.#run, {
      name: 'consul',
      main: keeper,
      args: [script, 'server', 'shop', this.#run.consul, String(http), '1', String(gossip)],
      onLine: () => {},
    })
    this.#process = started
    const leads = await until(startWithinMs, async () => {
      if (!started.alive) throw new Error(`Consul ended before it could be used: ${started.complaint}`)
      return (await ask(`${address}/v1/status/leader`).catch(() => '')) !== ''
    })
    if (!leads) throw new Error(`Consul did not elect itself within ${startWithinMs / 1000} s: ${started.complaint}`)
    this.version = ((await ask(`${address}/v1/agent/self`)) as { Config: { Version: string } }).Config.Version
    this.address = address
  }

  /** `host:port` of every instance of a service that Consul takes for alive. */
  async alive(service: string): Promise<readonly string[]> {
    const rows = (await ask(`${this.address}/v1/health/service/${service}?passing`)) as { Service: { Address: string; Port: number } }[]
    return rows.map(({ Service: { Address, Port } }) => `${Address}:${Port}`)
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.drop()
    await this.#process?.ended
  }

  /** Ends it for good, without waiting: what is left to do while the runner itself is going down. */
  drop(): void {
    this.#closed = true
    // Not SIGKILL: its keeper must have time to take it along.
    this.#process?.signal('SIGTERM')
  }
}

/** An answer of its HTTP API. @throws Error where there is none, or a bad one */
async function ask(url: string): Promise<unknown> {
  const reply = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(answerWithinMs) })
  if (!reply.ok) throw new Error(`Consul answered ${reply.status} to ${url}: ${await reply.text()}`)
  return reply.json()
}

/** Two ports on which nobody listens, and on the one below the second neither, which Consul takes as well. @throws Error where there are none */
async function freePorts(): Promise<readonly [http: number, gossip: number]> {
  const begin = Math.floor(Math.random() * portTries)
  for (let n = 0; n < portTries; n++) {
    const http = firstPort + ((begin + n) % portTries) * portsPerTry
    const areFree = await Promise.all([http, http + 1, http + 2].map(isFree))
    if (areFree.every(Boolean)) return [http, http + 2]
  }
  throw new Error(`Consul has no free ports between ${firstPort} and ${firstPort + portTries * portsPerTry}`)
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  return promise
}
