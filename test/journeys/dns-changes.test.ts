import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { createMesh, type Log } from '@zerohop/mesh-core'
import { dnsEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DnsServer, dnsProgram, zone } from '../support/dns-server.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'

// Only Linux answers on all of 127.0.0.0/8 without being asked to.
const program = process.platform === 'linux' ? dnsProgram() : null
let server: Server
let port = 0

beforeAll(async () => {
  server = createServer((request, response) => response.end(request.socket.localAddress))
  await new Promise<void>((resolve) => {
    server.listen(0, '0.0.0.0', resolve)
  })
  port = (server.address() as AddressInfo).port
})

afterAll(() => {
  server.close()
  server.closeAllConnections()
})

/** A mesh that finds one service in DNS, and calls it all the time. */
class Caller implements AsyncDisposable {
  readonly lines: string[] = []
  readonly failures: string[] = []
  readonly mesh
  calls = 0
  /** The addresses that answered since it was last emptied. */
  readonly reached = new Set<string>()
  #isOver = false
  #running: Promise<void> | null = null

  constructor(dns: DnsServer, target: string) {
    const say = (line: string): void => void this.lines.push(line)
    const log: Log = { info: say, warn: say, error: say }
    const discovery = dnsEndpoints({ services: { inventory: target }, servers: [dns.address], timeoutMs: 300, log })
    this.mesh = createMesh({ service: 'cart', discovery, log })
  }

  begin(): void {
    this.#running = this.#run()
  }

  endpoints(): number {
    return this.mesh.explain('inventory').services[0]?.endpoints.length ?? 0
  }

  /** What the page of metrics says of the source's failures. */
  async failed(): Promise<number> {
    const page = await this.mesh.metrics()
    return Number(/^zerohop_discovery_failures_total\{[^}]*service="inventory"[^}]*\} (\d+)/m.exec(page)?.[1] ?? Number.NaN)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#running
    await this.mesh.close()
  }

  async #run(): Promise<void> {
    const fetch = meshFetch(this.mesh)
    for (; !this.#isOver; await new Promise((resolve) => setTimeout(resolve, 5))) {
      this.calls++
      try {
        const response = await fetch('http://inventory/')
        this.reached.add(await response.text())
      } catch (error) {
        this.failures.push(String((error as Error).cause))
      }
    }
  }
}

/** Waits until calls reach all of these and nobody else; returns how long that took. */
async function isReached(caller: Caller, addresses: readonly string[]): Promise<number> {
  const began = performance.now()
  caller.reached.clear()
  await eventually(
    () => {
      if ([...caller.reached].some((address) => !addresses.includes(address))) caller.reached.clear()
      return caller.reached.size === addresses.length
    },
    `calls reach ${addresses.join(' and ')}, and nobody else`,
  )
  return performance.now() - began
}

test.skipIf(program === null)('a change in DNS with a lifetime of 1 s is followed, and no call fails', async () => {
  await using dns = await DnsServer.serving(program, ['inventory A 127.0.0.1'])
  await using caller = new Caller(dns, `inventory.${zone}:${port}`)
  caller.begin()
  await isReached(caller, ['127.0.0.1'])
  const delays: number[] = []
  for (const last of [2, 3, 4, 5]) {
    await dns.serve([`inventory A 127.0.0.${last}`])
    delays.push(await isReached(caller, [`127.0.0.${last}`]))
  }
  printFigures('changes in DNS, lifetime 1 s', {
    'until calls went to the new address': delays.map((ms) => `${Math.round(ms)} ms`).join(' '),
    calls: caller.calls,
    failed: caller.failures.length,
  })
  expect(caller.failures).toEqual([])
  // The lifetime, what comes on top so that processes ask apart, and a slow machine.
  expect(Math.max(...delays)).toBeLessThan(2500)
})

test.skipIf(program === null)(
  'SERVFAIL, silence and a closed port: the last endpoints serve, the failures are told, and the next answer is followed',
  async () => {
    await using dns = await DnsServer.serving(program, ['inventory A 127.0.0.1'])
    await using caller = new Caller(dns, `inventory.${zone}:${port}`)
    caller.begin()
    await isReached(caller, ['127.0.0.1'])
    const told: Record<string, string> = {}
    const breaks: readonly [string, () => void | Promise<void>, string][] = [
      ['SERVFAIL', () => dns.loseZone(), 'answered SERVFAIL'],
      ['silence', () => dns.freeze(), 'gave no answer within 300 ms'],
      ['a closed port', () => dns.kill(), 'ECONNREFUSED'],
    ]
    for (const [what, breakIt, sign] of breaks) {
      const [calls, failed] = [caller.calls, await caller.failed()]
      await breakIt()
      await eventually(async () => (await caller.failed()) >= failed + 2 && caller.lines.some((line) => line.includes(sign)), what)
      told[`calls during ${what}`] = String(caller.calls - calls)
      expect(caller.endpoints()).toBe(1)
    }
    await dns.start()
    await dns.serve(['inventory A 127.0.0.2'])
    told['until calls went to the new address'] = `${Math.round(await isReached(caller, ['127.0.0.2']))} ms`
    printFigures('DNS fails', { ...told, calls: caller.calls, failed: caller.failures.length })
    expect(caller.failures).toEqual([])
  },
)

test.skipIf(program === null)(
  'an answer too large for a datagram is fetched over TCP, and while that cannot be had the last one serves',
  async () => {
    const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `inventory A 127.0.1.${index + 1}`)
    await using dns = await DnsServer.serving(program, many(200))
    await using caller = new Caller(dns, `inventory.${zone}:${port}`)
    caller.begin()
    await eventually(() => caller.endpoints() === 200, 'all 200 endpoints are known')
    // The server takes one connection at a time: these are the ones.
    const holding = setInterval(() => held.push(connect(dns.port, '127.0.0.1').on('error', () => {})), 100)
    const held: ReturnType<typeof connect>[] = []
    await eventually(
      () => caller.lines.some((line) => line.includes('over TCP, and over UDP its answer did not fit')),
      'TCP is not to be had',
    )
    await dns.serve(many(150))
    await eventually(async () => (await caller.failed()) >= 2, 'it is tried again')
    expect(caller.endpoints()).toBe(200)
    clearInterval(holding)
    for (const socket of held) socket.destroy()
    await eventually(() => caller.endpoints() === 150, 'the new answer is there')
    expect(caller.failures).toEqual([])
  },
)

test.skipIf(program === null)('SRV records tell ports and weights, and those who go are called no more', async () => {
  const hosts = ['one A 127.0.0.1', 'two A 127.0.0.2', 'three A 127.0.0.3']
  const srv = (weight: number, host: string, priority = 0): string => `_http._tcp.inventory SRV ${priority} ${weight} ${port} ${host}`
  await using dns = await DnsServer.serving(program, [...hosts, srv(3, 'one'), srv(1, 'two'), srv(1, 'three', 10)])
  await using caller = new Caller(dns, `_http._tcp.inventory.${zone}`)
  caller.begin()
  await isReached(caller, ['127.0.0.1', '127.0.0.2'])
  expect(caller.mesh.explain('inventory').services[0]?.endpoints.map(({ address, weight }) => `${address} ${weight}`)).toEqual([
    `127.0.0.1:${port} 3`,
    `127.0.0.2:${port} 1`,
  ])
  await dns.serve([...hosts, srv(1, 'three', 10)])
  await isReached(caller, ['127.0.0.3'])
  expect(caller.failures).toEqual([])
})
