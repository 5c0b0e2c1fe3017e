/** `pnpm bench endpoints`: what a large fleet costs a caller: one change among 10,000 endpoints, a pick among them, and the heap of 1,000 services. */
import { createMesh, type Discovery, type EndpointInfo, type Mesh, WatchSource } from '@zerohop/mesh-core'
import { Call, OK, Outcome, partsOf, type Reply, type Wire } from '@zerohop/mesh-core/transport'
import { interleave, median } from './rounds.ts'

const fleetSize = 10_000
const services = 1000
const perService = 10
const updates = 60
const rounds = 25
const callsPerRound = 20_000

const reply: Reply = { status: '200', discard() {} }

// Answers at once: what is measured is what comes before the wire.
const answer = (call: Call): Outcome =>
  new Outcome(call, OK, { reply, error: null, code: '', at: 0, retryAfterMs: -1, staleConnection: false, open: false })
const wire: Wire = { name: 'instant', bottom: () => (call) => Promise.resolve(answer(call)), answer }

function endpointAt(n: number, version = 'v1'): EndpointInfo {
  return { address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:8080`, labels: { version }, zone: `zone-${n % 3}`, weight: 1 }
}

class Lists implements Discovery {
  readonly name = 'lists'
  readonly sources = new Map<string, WatchSource<readonly EndpointInfo[]>>()

  watch(service: string): WatchSource<readonly EndpointInfo[]> | null {
    return this.sources.get(service) ?? null
  }

  services(): readonly string[] {
    return [...this.sources.keys()]
  }

  async close(): Promise<void> {}
}

function callerOf(mesh: Mesh, service: string): () => Promise<unknown> {
  const parts = partsOf(mesh)
  const destination = parts.destination(service, wire)
  if (destination === null) throw new TypeError(`the bench knows its own ${service}`)
  return () => {
    const call = new Call({ service, method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
    call.startedAt = parts.clock.now()
    return destination.send(call)
  }
}

function meshOf(lists: Lists): Mesh {
  return createMesh({ service: 'bench', discovery: lists, zone: 'zone-0', policy: { slowStart: '30s', outlier: {} } })
}

/** What becomes of the list in one update; every endpoint that stays is the same object, or, from a registry that is read whole, a new one. */
const changes: Readonly<Record<string, (list: readonly EndpointInfo[], n: number) => readonly EndpointInfo[]>> = {
  'one has a new label': (list, n) => list.with(n * 31, { ...(list[n * 31] as EndpointInfo), labels: { version: `v${n}` } }),
  'one is replaced by another': (list, n) => list.with(n * 31, endpointAt(fleetSize * 2 + n)),
  'one leaves': (list, n) => list.toSpliced(n * 31, 1),
  'one comes': (list, n) => [...list, endpointAt(fleetSize * 3 + n)],
  'one leaves, all read anew': (list, n) => structuredClone(list.toSpliced(n * 31, 1)),
}

interface Row {
  readonly change: string
  readonly ms: number
  readonly worstMs: number
}

/** Milliseconds from the registry's word to the first call after it, which meets the new pools. */
async function timeUpdates(): Promise<Row[]> {
  const rows: Row[] = []
  for (const [change, next] of Object.entries(changes)) {
    const lists = new Lists()
    let list: readonly EndpointInfo[] = Array.from({ length: fleetSize }, (_, n) => endpointAt(n))
    const source = new WatchSource<readonly EndpointInfo[]>(list)
    lists.sources.set('fleet', source)
    await using mesh = meshOf(lists)
    const call = callerOf(mesh, 'fleet')
    await call()
    const took: number[] = []
    for (let n = 0; n < updates; n++) {
      list = next(list, n)
      const before = performance.now()
      source.set(list)
      await call()
      took.push(performance.now() - before)
    }
    rows.push({ change, ms: Number(median(took).toFixed(2)), worstMs: Number(Math.max(...took).toFixed(2)) })
  }
  return rows
}

async function microseconds(call: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  for (let n = 0; n < callsPerRound; n++) await call()
  const spent = process.cpuUsage(before)
  return (spent.user + spent.system) / callsPerRound
}

/** What a call among all of the fleet costs more than a call to the only endpoint of its service. */
async function timePick(): Promise<number> {
  const lists = new Lists()
  lists.sources.set('fleet', new WatchSource<readonly EndpointInfo[]>(Array.from({ length: fleetSize }, (_, n) => endpointAt(n))))
  lists.sources.set('only', new WatchSource<readonly EndpointInfo[]>([endpointAt(0)]))
  await using mesh = meshOf(lists)
  const [fleet, only] = [callerOf(mesh, 'fleet'), callerOf(mesh, 'only')]
  for (const call of [fleet, only]) await microseconds(call)
  const figures = await interleave({ fleet: () => microseconds(fleet), only: () => microseconds(only) }, rounds)
  return median(figures.fleet?.map((us, round) => us - (figures.only?.[round] ?? 0)) ?? [])
}

/** Megabytes of heap that a caller of a thousand services holds, the lists of discovery among them. */
async function weighServices(): Promise<number> {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const lists = new Lists()
  for (let service = 0; service < services; service++) {
    const list = Array.from({ length: perService }, (_, n) => endpointAt(service * perService + n))
    lists.sources.set(`service-${service}`, new WatchSource<readonly EndpointInfo[]>(list))
  }
  await using mesh = meshOf(lists)
  for (let service = 0; service < services; service++) await callerOf(mesh, `service-${service}`)()
  globalThis.gc?.()
  return (process.memoryUsage().heapUsed - before) / 2 ** 20
}

/** Measures and prints; with `json` a last line for machines. */
export async function benchEndpoints(json: boolean): Promise<void> {
  const heapMb = Number((await weighServices()).toFixed(1))
  const rows = await timeUpdates()
  const pickUs = Number((await timePick()).toFixed(3))
  console.table(rows)
  console.log(`of ${fleetSize} endpoints, ${updates} updates each: from the registry's word to the end of the first call after it`)
  console.log(`a call among ${fleetSize} endpoints costs ${pickUs} µs more than one to a single endpoint (${rounds} interleaved rounds)`)
  console.log(`${services} services of ${perService} endpoints, each called once: ${heapMb} MB of heap`)
  if (json) console.log(JSON.stringify({ bench: 'endpoints', updateMs: Math.max(...rows.map(({ ms }) => ms)), pickUs, heapMb }))
}
