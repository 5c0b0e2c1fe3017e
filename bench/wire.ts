/** `pnpm bench wire [--mtls]`: mesh fetch and serveHttp with everything on beside what they stand on and replace, over real sockets. */
import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici'
import type { AnsweringServer, AnsweringServerKind } from './answering-server.ts'
import { everythingOn, inboundOn } from './everything-on.ts'
import { type Figures, type Load, ratioOf, rounded, rowsOf } from './load.ts'
import { type Contestant, race } from './race.ts'
import { median } from './rounds.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { WireIdentity } from './wire-identity.ts'

const roundsInPlaintext = 21
const roundsSecured = 15
const load: Load = { calls: 3_000, inFlight: 50 }
const { calls: callsPerRound, inFlight } = load
const renewals = 7
// Longer than a swap of connections takes.
const renewalWindowMs = 1000
const posted = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    order: 42,
    lines: [
      { item: 'a', quantity: 1 },
      { item: 'b', quantity: 2 },
    ],
  }),
} as const

/** Measures and prints; with `json` a last line for machines. */
export async function benchWire({ json, mtls }: { json: boolean; mtls: boolean }): Promise<void> {
  const identity = mtls ? new WireIdentity() : null
  const rounds = mtls ? roundsSecured : roundsInPlaintext
  const start = (policy: object | null): Promise<ServerProcess<AnsweringServer>> =>
    startServer('answering-server.ts', { policy, identity: identity?.server ?? null } satisfies AnsweringServerKind)
  // One of its own for each contestant whose server counts, so that none of them has had more calls than another.
  const servers = await Promise.all([start(null), start(null), start({}), start(inboundOn)])
  const [answering, plain, meshed, bounded] = servers
  const { ports, bytes } = answering.told
  const globalDispatcher = getGlobalDispatcher()
  try {
    const bareOf = (server: ServerProcess): Bare => new Bare(server, identity)
    const [bare, bareOfPlain, bareOfMeshed, bareOfBounded] = [bareOf(answering), bareOf(plain), bareOf(meshed), bareOf(bounded)]
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
    const get = async (): Promise<unknown> => (await fetchMeshed('http://target/things/42')).json()
    const ofClients = await race(rounds, {
      meshFetch: of(get),
      meshStream: of(async () => readStream(await fetchMeshed('http://target/things/42'))),
      meshPost: of(async () => (await fetchMeshed('http://target/orders', posted)).json()),
      globalFetch: of(async () => (await fetch(`${bare.origin}/things/42`)).json()),
      globalStream: of(async () => readStream(await fetch(`${bare.origin}/things/42`))),
      undiciRequest: of(() => bare.get()),
      undiciPost: of(() => bare.post()),
      undiciRequestAgain: of(() => bare.get()),
    })
    const ofServers = await race(rounds, {
      meshServer: { ...of(() => bareOfMeshed.get()), cpu: meshed.cpu },
      meshServerBounded: { ...of(() => bareOfBounded.get()), cpu: bounded.cpu },
      meshServerPost: { ...of(() => bareOfMeshed.post()), cpu: meshed.cpu },
      httpServer: { ...of(() => bareOfPlain.get()), cpu: plain.cpu },
      httpServerPost: { ...of(() => bareOfPlain.post()), cpu: plain.cpu },
    })
    const secured =
      identity === null
        ? null
        : { handshakes: await identity.measureHandshakes(ports[1] as number), renewalMs: await measureRenewal(get, identity) }
    await Promise.all([bare, bareOfPlain, bareOfMeshed, bareOfBounded].map((one) => one.close()))
    print({ ofClients, ofServers }, { bytes, json, rounds, secured })
  } finally {
    setGlobalDispatcher(globalDispatcher)
    for (const server of servers) server.stop()
  }
}

/** undici.request, over connections of its own. */
class Bare {
  readonly origin: string
  readonly #dispatcher: Agent

  constructor({ told }: ServerProcess, identity: WireIdentity | null) {
    this.origin = `${identity === null ? 'http' : 'https'}://127.0.0.1:${told.ports[0]}`
    this.#dispatcher = identity?.agent(inFlight) ?? new Agent({ connections: inFlight, allowH2: false })
  }

  async get(): Promise<unknown> {
    return (await request(`${this.origin}/things/42`, { dispatcher: this.#dispatcher })).body.json()
  }

  async post(): Promise<unknown> {
    return (await request(`${this.origin}/orders`, { dispatcher: this.#dispatcher, ...posted })).body.json()
  }

  close(): Promise<void> {
    return this.#dispatcher.close()
  }
}

function of(call: () => Promise<unknown>): Contestant {
  return { call, load }
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

function print({ ofClients, ofServers }: { readonly ofClients: Figures; readonly ofServers: Figures }, options: Shown): void {
  const rows = [...rowsOf(ofClients), ...rowsOf(ofServers)]
  const ratio = (one: string, other: string): number => ratioOf(ofClients, one, other)
  const ratios = {
    'meshFetch/globalFetch': ratio('meshFetch', 'globalFetch'),
    'meshFetch/undiciRequest': ratio('meshFetch', 'undiciRequest'),
    'meshStream/globalFetch': ratio('meshStream', 'globalStream'),
    'meshPost/undiciRequest': ratio('meshPost', 'undiciPost'),
    'meshServer/httpServer': ratioOf(ofServers, 'meshServer', 'httpServer'),
    'meshServerBounded/httpServer': ratioOf(ofServers, 'meshServerBounded', 'httpServer'),
    'meshServerPost/httpServer': ratioOf(ofServers, 'meshServerPost', 'httpServerPost'),
    noise: ratio('undiciRequestAgain', 'undiciRequest'),
  }
  console.table(rows)
  console.table(ratios)
  console.log(
    `CPU per call, of the server's process in the rows with Server, of the client's in the others: ${options.bytes} bytes of JSON,`,
  )
  console.log(
    `${inFlight} in flight, median of ${options.rounds} interleaved rounds of ${callsPerRound} calls. Like is compared with like: a stream with a stream,`,
  )
  console.log('a POST with a POST. noise: undici.request beside itself.')
  const { secured } = options
  if (secured !== null) {
    const { handshakes, renewalMs } = secured
    console.log(`mutual TLS: ${handshakes.perSecond} handshakes a second, ${handshakes.cpuUs} µs of CPU each in the client's process`)
    console.log(`a renewal of the client's certificate with ${inFlight} connections in use: ${renewalMs} ms of its CPU, once`)
  }
  if (options.json) console.log(JSON.stringify({ bench: 'wire', ratios, rows, ...(secured === null ? {} : { mtls: true, ...secured }) }))
}
