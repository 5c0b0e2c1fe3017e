/** `pnpm bench wire`: mesh fetch with everything on beside what it stands on and what it replaces, over real sockets. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createMesh } from '@zerohop/mesh-core'
import { Ambient, runUnder } from '@zerohop/mesh-core/transport'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { Agent, request } from 'undici'
import { everythingOn } from './everything-on.ts'
import { interleave, median } from './rounds.ts'

const rounds = 21
const callsPerRound = 3_000
const inFlight = 50
const posted = JSON.stringify({
  order: 42,
  lines: [
    { item: 'a', quantity: 1 },
    { item: 'b', quantity: 2 },
  ],
})
const jsonHeaders = { 'content-type': 'application/json' }

interface Round {
  readonly cpuUs: number
  readonly rps: number
  readonly latenciesMs: Float64Array
}

/** Measures and prints; with `json` a last line for machines. */
export async function benchWire(json: boolean): Promise<void> {
  const server = fork(new URL('answering-server.ts', import.meta.url))
  try {
    const [{ ports, bytes }] = (await once(server, 'message')) as [{ ports: [number, number]; bytes: number }]
    const origin = `http://127.0.0.1:${ports[0]}`
    const dispatcher = new Agent({ connections: inFlight, allowH2: false })
    await using mesh = createMesh({
      service: 'bench',
      discovery: staticEndpoints({ target: ports.map((port) => `127.0.0.1:${port}`) }),
      policy: { service: 'target', ...everythingOn },
    })
    const fetchMeshed = meshFetch(mesh)
    const work: Record<string, () => Promise<unknown>> = {
      meshFetch: async () => (await fetchMeshed('http://target/things/42')).json(),
      meshStream: async () => readStream(await fetchMeshed('http://target/things/42')),
      meshPost: async () => (await fetchMeshed('http://target/orders', { method: 'POST', headers: jsonHeaders, body: posted })).json(),
      globalFetch: async () => (await fetch(`${origin}/things/42`)).json(),
      globalStream: async () => readStream(await fetch(`${origin}/things/42`)),
      undiciRequest: async () => (await request(`${origin}/things/42`, { dispatcher })).body.json(),
      undiciPost: async () =>
        (await request(`${origin}/orders`, { dispatcher, method: 'POST', headers: jsonHeaders, body: posted })).body.json(),
      undiciRequestAgain: async () => (await request(`${origin}/things/42`, { dispatcher })).body.json(),
    }
    const figures = await runUnder(new Ambient(null, '', Number.POSITIVE_INFINITY), async () => {
      for (const call of Object.values(work)) await measure(call)
      return interleave(Object.fromEntries(Object.entries(work).map(([name, call]) => [name, () => measure(call)])), rounds)
    })
    await dispatcher.close()
    print(figures, { bytes, json })
  } finally {
    server.disconnect()
  }
}

async function readStream(response: Response): Promise<number> {
  let size = 0
  for await (const chunk of response.body as ReadableStream<Uint8Array>) size += chunk.byteLength
  return size
}

async function measure(call: () => Promise<unknown>): Promise<Round> {
  const latenciesMs = new Float64Array(callsPerRound)
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun < callsPerRound) {
      const at = begun++
      const startedAt = performance.now()
      await call()
      latenciesMs[at] = performance.now() - startedAt
    }
  }
  globalThis.gc?.()
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: inFlight }, lane))
  const tookMs = performance.now() - startedAt
  const cpu = process.cpuUsage(cpuBefore)
  return { cpuUs: (cpu.user + cpu.system) / callsPerRound, rps: (callsPerRound * 1000) / tookMs, latenciesMs: latenciesMs.sort() }
}

function print(figures: Readonly<Record<string, readonly Round[]>>, options: { bytes: number; json: boolean }): void {
  const quantile = (round: Round, share: number): number => round.latenciesMs[Math.floor(share * (callsPerRound - 1))] ?? Number.NaN
  const rows = Object.entries(figures).map(([name, all]) => ({
    name,
    cpuUs: round(median(all.map((one) => one.cpuUs))),
    rps: Math.round(median(all.map((one) => one.rps))),
    p50Ms: round(median(all.map((one) => quantile(one, 0.5)))),
    p99Ms: round(median(all.map((one) => quantile(one, 0.99)))),
  }))
  // Of pairs within a round: what the machine did besides in that round hit both.
  const ratio = (one: string, other: string): number =>
    round(median((figures[one] ?? []).map((own, at) => own.cpuUs / ((figures[other] ?? [])[at]?.cpuUs ?? Number.NaN))))
  const ratios = {
    'meshFetch/globalFetch': ratio('meshFetch', 'globalFetch'),
    'meshFetch/undiciRequest': ratio('meshFetch', 'undiciRequest'),
    'meshStream/globalFetch': ratio('meshStream', 'globalStream'),
    'meshPost/undiciRequest': ratio('meshPost', 'undiciPost'),
    noise: ratio('undiciRequestAgain', 'undiciRequest'),
  }
  console.table(rows)
  console.table(ratios)
  console.log(
    `CPU of the client's process, ${options.bytes} bytes of JSON, ${inFlight} in flight, median of ${rounds} interleaved rounds of`,
  )
  console.log(
    `${callsPerRound} calls. Like is compared with like: a stream with a stream, a POST with a POST. noise: undici.request beside itself.`,
  )
  if (options.json) console.log(JSON.stringify({ bench: 'wire', ratios, rows }))
}

function round(figure: number): number {
  return Number(figure.toFixed(3))
}
