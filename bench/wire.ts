/** `pnpm bench wire [--mtls]`: mesh fetch with everything on beside what it stands on and what it replaces, over real sockets. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createMesh } from '@zerohop/mesh-core'
import { Ambient, runUnder } from '@zerohop/mesh-core/transport'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici'
import { everythingOn } from './everything-on.ts'
import { type Figures, type Load, measure, ratioOf, rounded, rowsOf } from './load.ts'
import { interleave, median } from './rounds.ts'
import { WireIdentity } from './wire-identity.ts'

const roundsInPlaintext = 21
const roundsSecured = 15
const load: Load = { calls: 3_000, inFlight: 50 }
const { calls: callsPerRound, inFlight } = load
const renewals = 7
// Longer than a swap of connections takes.
const renewalWindowMs = 1000
const posted = JSON.stringify({
  order: 42,
  lines: [
    { item: 'a', quantity: 1 },
    { item: 'b', quantity: 2 },
  ],
})
const jsonHeaders = { 'content-type': 'application/json' }

/** Measures and prints; with `json` a last line for machines. */
export async function benchWire({ json, mtls }: { json: boolean; mtls: boolean }): Promise<void> {
  const identity = mtls ? new WireIdentity() : null
  const rounds = mtls ? roundsSecured : roundsInPlaintext
  const server = fork(new URL('answering-server.ts', import.meta.url))
  try {
    server.send(identity === null ? 'plaintext' : identity.server)
    const [{ ports, bytes }] = (await once(server, 'message')) as [{ ports: [number, number]; bytes: number }]
    const origin = `${mtls ? 'https' : 'http'}://127.0.0.1:${ports[0]}`
    const dispatcher = identity?.agent(inFlight) ?? new Agent({ connections: inFlight, allowH2: false })
    const globalDispatcher = getGlobalDispatcher()
    // The global fetch knows nobody's roots but the system's.
    if (identity !== null) setGlobalDispatcher(identity.agent(inFlight))
    await using mesh = createMesh({
      service: 'bench',
      discovery: staticEndpoints({ target: ports.map((port) => `127.0.0.1:${port}`) }),
      // Idle for longer than any pause of the bench, as undici keeps its own where the server lets it: a handshake within a round would be measured
      // as work.
      policy: { service: 'target', ...everythingOn, connections: { idle: '60s' }, access: { mtls: mtls ? 'strict' : 'permissive' } },
      identity: identity?.source ?? false,
    })
    const fetchMeshed = meshFetch(mesh)
    const meshed = async (): Promise<unknown> => (await fetchMeshed('http://target/things/42')).json()
    const work: Record<string, () => Promise<unknown>> = {
      meshFetch: meshed,
      meshStream: async () => readStream(await fetchMeshed('http://target/things/42')),
      meshPost: async () => (await fetchMeshed('http://target/orders', { method: 'POST', headers: jsonHeaders, body: posted })).json(),
      globalFetch: async () => (await fetch(`${origin}/things/42`)).json(),
      globalStream: async () => readStream(await fetch(`${origin}/things/42`)),
      undiciRequest: async () => (await request(`${origin}/things/42`, { dispatcher })).body.json(),
      undiciPost: async () =>
        (await request(`${origin}/orders`, { dispatcher, method: 'POST', headers: jsonHeaders, body: posted })).body.json(),
      undiciRequestAgain: async () => (await request(`${origin}/things/42`, { dispatcher })).body.json(),
    }
    const contestants = Object.fromEntries(Object.entries(work).map(([name, call]) => [name, () => measure(call, load)]))
    const figures = await runUnder(new Ambient(null, '', Number.POSITIVE_INFINITY), async () => {
      for (const call of Object.values(work)) await measure(call, load)
      return interleave(contestants, rounds)
    })
    const secured =
      identity === null
        ? null
        : { handshakes: await identity.measureHandshakes(ports[1]), renewalMs: await measureRenewal(meshed, identity) }
    await dispatcher.close()
    setGlobalDispatcher(globalDispatcher)
    print(figures, { bytes, json, rounds, secured })
  } finally {
    server.disconnect()
  }
}

async function readStream(response: Response): Promise<number> {
  let size = 0
  for await (const chunk of response.body as ReadableStream<Uint8Array>) size += chunk.byteLength
  return size
}

/** What it costs this process, in ms of its CPU, when its certificate is renewed while all of its connections are in use. */
async function measureRenewal(call: () => Promise<unknown>, identity: WireIdentity): Promise<number> {
  const costs: number[] = []
  for (let pair = 0; pair < renewals; pair++) {
    const renew = identity.renewal()
    const without = await spend(call)
    renew()
    const renewed = await spend(call)
    costs.push((renewed.cpuUs - (without.cpuUs / without.calls) * renewed.calls) / 1000)
  }
  return rounded(median(costs))
}

async function spend(call: () => Promise<unknown>): Promise<{ cpuUs: number; calls: number }> {
  let calls = 0
  const before = process.cpuUsage()
  const endAt = performance.now() + renewalWindowMs
  const lane = async (): Promise<void> => {
    while (performance.now() < endAt) {
      await call()
      calls++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  const { user, system } = process.cpuUsage(before)
  return { cpuUs: user + system, calls }
}

interface Shown {
  readonly bytes: number
  readonly json: boolean
  readonly rounds: number
  /** null in plaintext. */
  readonly secured: { readonly handshakes: { readonly perSecond: number; readonly cpuUs: number }; readonly renewalMs: number } | null
}

function print(figures: Figures, options: Shown): void {
  const rows = rowsOf(figures)
  const ratio = (one: string, other: string): number => ratioOf(figures, one, other)
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
    `CPU of the client's process, ${options.bytes} bytes of JSON, ${inFlight} in flight, median of ${options.rounds} interleaved rounds of`,
  )
  console.log(
    `${callsPerRound} calls. Like is compared with like: a stream with a stream, a POST with a POST. noise: undici.request beside itself.`,
  )
  const { secured } = options
  if (secured !== null) {
    const { handshakes, renewalMs } = secured
    console.log(`mutual TLS: ${handshakes.perSecond} handshakes a second, ${handshakes.cpuUs} µs of CPU each in the client's process`)
    console.log(`a renewal of the client's certificate with ${inFlight} connections in use: ${renewalMs} ms of its CPU, once`)
  }
  if (options.json) console.log(JSON.stringify({ bench: 'wire', ratios, rows, ...(secured === null ? {} : { mtls: true, ...secured }) }))
}
