/** `pnpm bench stack`: what the layers cost a call, in microseconds and in bytes, over a bottom that answers at once. */
import { createMesh } from '@zerohop/mesh-core'
import { Ambient, Call, currentAmbient, OK, Outcome, partsOf, type Reply, runUnder, type Wire } from '@zerohop/mesh-core/transport'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { everythingOn, layersOn } from './everything-on.ts'
import { interleave, median } from './rounds.ts'

const rounds = 25
const callsPerRound = 20_000
const inFlight = 50
// Few enough that no scavenge falls into the measurement with the semi-space that main.ts asks for.
const callsForBytes = 5_000

const reply: Reply = { status: '200', discard() {} }

// Answers at once, as a wire would whose reply came whole; the clock is read as a wire reads it when the head is there.
function instantWire(now: () => number): Wire {
  const answer = (call: Call): Outcome =>
    new Outcome(call, OK, { reply, error: null, code: '', at: now(), retryAfterMs: -1, staleConnection: false, open: false })
  return { name: 'instant', bottom: () => (call) => Promise.resolve(answer(call)), answer }
}

function contestant(policy: object): { call: () => Promise<unknown>; close: () => Promise<void> } {
  const mesh = createMesh({
    service: 'bench',
    discovery: staticEndpoints({ target: ['127.0.0.1:1', '127.0.0.1:2'] }),
    policy: { service: 'target', ...policy },
  })
  const parts = partsOf(mesh)
  const destination = parts.destination('target', instantWire(parts.clock.now))
  if (destination === null) throw new TypeError('the bench knows its own target')
  const start = {
    service: 'target',
    method: 'GET',
    path: '/',
    kind: 'unary' as const,
    message: null,
    replayable: true,
    idempotent: true,
  }
  return {
    call: () => {
      const call = new Call(start)
      call.startedAt = parts.clock.now()
      call.ambient = currentAmbient()
      return destination.send(call)
    },
    close: () => mesh.close(),
  }
}

async function loop(call: () => Promise<unknown>, calls: number): Promise<void> {
  for (let done = 0; done < calls; done++) await call()
}

async function microseconds(call: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: inFlight }, () => loop(call, callsPerRound / inFlight)))
  const spent = process.cpuUsage(before)
  return (spent.user + spent.system) / callsPerRound
}

async function bytes(call: () => Promise<unknown>): Promise<number> {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  await loop(call, callsForBytes)
  return (process.memoryUsage().heapUsed - before) / callsForBytes
}

/** Measures and prints; with `json` a last line for machines. */
export async function benchStack(json: boolean): Promise<void> {
  const contestants = { bare: bareLoop(), plain: contestant(layersOn), breakers: contestant(everythingOn) }
  // Under an inbound request, as most calls are.
  await runUnder(new Ambient(null, '', Number.POSITIVE_INFINITY), async () => {
    for (const { call } of Object.values(contestants)) await loop(call, callsPerRound)
    const times = await interleave(
      Object.fromEntries(Object.entries(contestants).map(([name, { call }]) => [name, () => microseconds(call)])),
      rounds,
    )
    const sizes = await interleave(
      Object.fromEntries(Object.entries(contestants).map(([name, { call }]) => [name, () => bytes(call)])),
      rounds,
    )
    const figure = (table: Record<string, number[]>, name: string): number => Number(median(table[name] ?? []).toFixed(2))
    const rows = Object.keys(contestants).map((name) => ({ layers: name, us: figure(times, name), bytes: Math.round(figure(sizes, name)) }))
    console.table(rows)
    console.log(
      `median of ${rounds} interleaved rounds of ${callsPerRound} calls, ${inFlight} in flight; bare: the loop and the bottom alone`,
    )
    const row = (name: string) => rows.find((one) => one.layers === name) as (typeof rows)[number]
    if (json) {
      const [plain, breakers] = [row('plain'), row('breakers')]
      const line = { bench: 'stack', plainUs: plain.us, plainBytes: plain.bytes, breakersUs: breakers.us, breakersBytes: breakers.bytes }
      console.log(JSON.stringify(line))
    }
  })
  for (const { close } of Object.values(contestants)) await close()
}

function bareLoop(): { call: () => Promise<unknown>; close: () => Promise<void> } {
  const settled = Promise.resolve(null)
  return { call: () => settled, close: async () => {} }
}
