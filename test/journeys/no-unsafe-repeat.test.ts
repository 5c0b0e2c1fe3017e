import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMesh, MeshError } from '@zerohop/mesh-core'
import { seededRandom } from '@zerohop/mesh-core/testing'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import { printFigures } from '../support/figures.ts'
import { inLanes, SteadyLoad } from '../support/lanes.ts'
import { Program } from '../support/program.ts'
import type { LedgerSettings } from '../support/programs/ledger-service.ts'
import { quietLog } from '../support/quiet-log.ts'

const posts = 20_000
const postsPerKill = 500

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zerohop-ledger-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** An instance that comes back at its own port after every death. */
class Instance implements AsyncDisposable {
  port = 0
  deaths = 0
  #isUp = false
  #program: Program | null = null

  async start(): Promise<void> {
    const settings: LedgerSettings = { port: this.port, ledger: join(directory, 'orders'), inFlight: 12, oddOneIn: 400 }
    this.#program = new Program('ledger-service', { settings })
    this.port = (await this.#program.hear<{ port: number }>('up')).port
    this.#isUp = true
  }

  get isUp(): boolean {
    return this.#isUp
  }

  async dieAndReturn(): Promise<void> {
    this.#isUp = false
    this.deaths++
    await this.#program?.kill()
    await this.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.kill()
  }
}

/** Executions of every order, in the order in which they began: the attempt that brought each. */
function executions(): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const line of readFileSync(join(directory, 'orders'), 'utf8').trimEnd().split('\n')) {
    const [id, attempt] = line.split(' ') as [string, string]
    const known = found.get(id)
    if (known === undefined) found.set(id, [Number(attempt)])
    else known.push(Number(attempt))
  }
  return found
}

function streamOf(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
}

test('no POST is executed twice while instances are killed and sockets are cut, and reads hardly notice', async () => {
  const random = seededRandom(20_000)
  await using one = new Instance()
  await using two = new Instance()
  await using three = new Instance()
  const instances = [one, two, three]
  await Promise.all(instances.map((instance) => instance.start()))
  // The first is reached directly, so that its death also shows as a refused connection.
  const chaos = { ratio: 0.9, withinBytes: 12_000, random }
  await using beforeTwo = await ChaosProxy.listen({ ...chaos, target: two.port })
  await using beforeThree = await ChaosProxy.listen({ ...chaos, target: three.port })
  await using mesh = createMesh({
    service: 'shopper',
    log: quietLog,
    discovery: staticEndpoints({ orders: [`127.0.0.1:${one.port}`, beforeTwo.address, beforeThree.address] }),
    policy: {
      service: 'orders',
      timeout: '10s',
      attemptTimeout: '1s',
      outlier: { consecutiveFailures: 5, ejectFor: '300ms' },
      // All that can be retried is, and nothing but safety stands in its way.
      retry: {
        attempts: 4,
        on: ['unreached', 'unavailable', 'throttled', 'fault', 'late', 'broken'],
        budget: { ratio: 1, minPerSecond: 1000 },
      },
    },
  })
  const fetch = meshFetch(mesh)
  const answered = new Set<string>()
  const failed = new Map<string, string>()
  const restarts: Promise<void>[] = []

  const reads = new SteadyLoad(4, async () => {
    const response = await fetch('http://orders/stock')
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    await response.text()
  })
  await inLanes(posts, 24, async (n) => {
    if (n % postsPerKill === postsPerKill - 1) {
      const victim = instances[restarts.length % 3] as Instance
      if (instances.every((instance) => instance.isUp)) restarts.push(victim.dieAndReturn())
    }
    const isKeyed = n % 4 === 0
    const id = `${isKeyed ? 'keyed' : 'plain'}-${n}`
    const text = `order ${n}`.padEnd(20 + (n % 300), '.')
    try {
      const response = await fetch('http://orders/orders', {
        method: 'POST',
        headers: { 'x-id': id, ...(isKeyed ? { 'idempotency-key': id } : {}) },
        ...(n % 10 === 3 ? { body: streamOf(text), duplex: 'half' as const } : { body: text }),
      })
      await response.text()
      if (response.status === 200) answered.add(id)
      else failed.set(id, String(response.status))
    } catch (error) {
      const { cause, message } = error as Error
      failed.set(id, MeshError.is(cause) ? cause.code : message)
    }
  })
  await reads.end()
  await Promise.all(restarts)

  const executed = executions()
  const times = (id: string): number => executed.get(id)?.length ?? 0
  const plain = [...executed].filter(([id]) => id.startsWith('plain'))
  const keyed = [...executed].filter(([id]) => id.startsWith('keyed'))
  const codes: Record<string, number> = {}
  for (const code of failed.values()) codes[code] = (codes[code] ?? 0) + 1
  printFigures(`${posts} POSTs under chaos`, {
    deaths: instances.reduce((sum, { deaths }) => sum + deaths, 0),
    cuts: beforeTwo.cuts + beforeThree.cuts,
    answered: answered.size,
    failed: failed.size,
    ...codes,
    'retried as unreached': plain.filter(([, [attempt]]) => (attempt as number) > 1).length,
    'executed twice without a key': plain.filter(([, attempts]) => attempts.length > 1).length,
    'executed again with a key': keyed.filter(([, attempts]) => attempts.length > 1).length,
    reads: reads.done,
    'reads failed': reads.failures.length,
  })

  expect(plain.filter(([, attempts]) => attempts.length > 1)).toEqual([])
  expect(answered.size + failed.size).toBe(posts)
  for (const id of answered) expect(times(id), `${id} was answered`).toBeGreaterThan(0)
  // What the mesh calls unreached has not been executed.
  for (const [id, code] of failed) {
    if (code === 'UNREACHED' && id.startsWith('plain')) expect(times(id), `${id} failed as unreached`).toBe(0)
  }
  // The chaos was one: there were deaths, cuts, retries of both kinds, and failures that must not be retried.
  expect(instances.every(({ deaths }) => deaths > 0)).toBe(true)
  expect(beforeTwo.cuts + beforeThree.cuts).toBeGreaterThan(100)
  expect(plain.some(([, [attempt]]) => (attempt as number) > 1)).toBe(true)
  expect(keyed.some(([, attempts]) => attempts.length > 1)).toBe(true)
  expect(failed.size).toBeGreaterThan(0)
  expect(answered.size).toBeGreaterThan(posts * 0.8)
  // A cut within a body is past help once its head was handed over; so is a read that found every instance dead or full, four times.
  expect(reads.failures.length).toBeLessThan(reads.done * 0.01)
})
