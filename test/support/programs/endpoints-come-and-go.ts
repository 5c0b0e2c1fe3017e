/** Calls a service whose endpoints are replaced again and again, and looks at what is left of those that went; needs --expose-gc. */
import { readdirSync } from 'node:fs'
import { createMesh } from '@zerohop/mesh-core'
import { meshFetch } from '@zerohop/mesh-http'
import { eventually } from '../eventually.ts'
import { inLanes, SteadyLoad } from '../lanes.ts'
import { MovingEndpoints } from '../moving-endpoints.ts'
import { quietLog } from '../quiet-log.ts'
import { heapBytes } from './heap.ts'
import { settingsOf, tell } from './with-parent.ts'

/** Who comes, and when they go. */
export interface ComeAndGoSettings {
  /** Where a server listens on every loopback address. */
  readonly port: number
  readonly waves: number
  readonly endpointsPerWave: number
  readonly servicesPerWave: number
}

/** What was left after the first waves and at the end. */
export interface ComeAndGoSeen {
  readonly endpoints: number
  readonly heaps: readonly [number, number]
  readonly series: readonly [number, number]
  readonly openFiles: readonly [number, number]
  readonly failures: readonly string[]
  readonly calls: number
  readonly page: string
}

const { port, waves, endpointsPerWave, servicesPerWave } = settingsOf<ComeAndGoSettings>()
const discovery = new MovingEndpoints()
const last = [`127.0.0.1:${port}`]
discovery.place('target', last)
const mesh = createMesh({
  service: 'caller',
  discovery,
  log: quietLog,
  policy: {
    service: 'target',
    balance: 'round-robin',
    // Neither side closes what is merely idle: what closes, closes because its endpoint has gone.
    connections: { idle: '600s' },
    breaker: { consecutiveFailures: 5 },
    outlier: { consecutiveFailures: 5, successRate: { below: 0.5 } },
  },
})
const fetch = meshFetch(mesh)
const failures: string[] = []
let calls = 0

async function call(service = 'target'): Promise<void> {
  const response = await fetch(`http://${service}/things/42`)
  await response.text()
  calls++
}

// Every socket is an open file; idle ones too, which node does not count among the active resources.
const openFiles = (): number => readdirSync('/proc/self/fd').length
const oneLeft = (): boolean => mesh.explain('target').services[0]?.endpoints.length === 1

async function comeAndGo(first: number, count: number): Promise<void> {
  for (let wave = first; wave < first + count; wave++) {
    const at = wave * endpointsPerWave
    const addresses = Array.from({ length: endpointsPerWave }, (_, n) => loopback(at + n + 2))
    // Calls are under way to those that go at the moment at which they do.
    const load = new SteadyLoad(4, () => call())
    discovery.place('target', addresses)
    await inLanes(endpointsPerWave * 2, 16, () => call().catch((error) => failures.push(String(error))))
    discovery.place('target', last)
    await load.end()
    failures.push(...load.failures)
    await visit(wave)
  }
}

/** Whole services come and go too. */
async function visit(wave: number): Promise<void> {
  const names = Array.from({ length: servicesPerWave }, (_, n) => `visitor-${wave}-${n}`)
  for (const name of names) discovery.place(name, last)
  await inLanes(names.length, 16, (n) => call(names[n]).catch((error) => failures.push(String(error))))
  for (const name of names) discovery.remove(name)
}

// 127.0.0.0/8 is the machine itself: sixteen million addresses, and one server behind all of them.
function loopback(number: number): string {
  return `127.${(number >> 16) + 1}.${(number >> 8) & 255}.${number & 255}:${port}`
}

async function look(): Promise<{ heap: number; series: number; files: number }> {
  await call()
  await eventually(oneLeft, 'one endpoint is left')
  await eventually(
    () => openFiles() <= filesAtFirst + 8,
    `the sockets of those that went are closed, ${openFiles() - filesAtFirst} are open`,
  )
  return { heap: await heapBytes(), series: (await mesh.metrics()).split('\n').length, files: openFiles() - filesAtFirst }
}

await call()
const filesAtFirst = openFiles()
const warmUp = Math.ceil(waves / 5)
await comeAndGo(0, warmUp)
const before = await look()
await comeAndGo(warmUp, waves - warmUp)
const after = await look()
const seen: ComeAndGoSeen = {
  endpoints: waves * endpointsPerWave,
  heaps: [before.heap, after.heap],
  series: [before.series, after.series],
  openFiles: [before.files, after.files],
  failures,
  calls,
  page: await mesh.metrics(),
}
await tell('seen', seen)
await mesh.close()
