/** `pnpm bench wire --grpc`: a client of grpc-js through meshChannel, and a server of grpc-js behind serveGrpc, beside what both stand on. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type ClientOptions, credentials } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { Ambient, runUnder } from '@zerohop/mesh-core/transport'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshClient } from '@zerohop/mesh-grpc'
import { everythingOn, everythingOnForStreams, inboundOn } from './everything-on.ts'
import type { GrpcServerAsked, GrpcServerTold } from './grpc-answering-server.ts'
import { type CpuMeter, type Figures, type Load, measure, ratioOf, rowsOf } from './load.ts'
import { interleave } from './rounds.ts'
import { getting, listing, Things } from './things.ts'

const rounds = 15
const warmingRounds = 3
const messagesOfStream = 1000
const unaryLoad: Load = { calls: 8000, inFlight: 50 }
const streamLoad: Load = { calls: 48, inFlight: 4 }

const roundRobin = { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) }

interface Contestant {
  readonly call: () => Promise<unknown>
  readonly load: Load
  /** Whose CPU counts. Default: the client's. */
  readonly cpu?: CpuMeter
}

interface GrpcServer {
  readonly process: ChildProcess
  readonly ports: readonly number[]
  readonly cpu: CpuMeter
}

/** Measures and prints; with `json` a last line for machines. */
export async function benchWireGrpc(json: boolean): Promise<void> {
  const [answering, plain, meshed, bounded] = await Promise.all([
    started({ kind: 'plain' }),
    // One of its own, so that none of the servers that are compared has had more calls than another.
    started({ kind: 'plain' }),
    started({ kind: 'meshed', policy: {} }),
    started({ kind: 'meshed', policy: inboundOn }),
  ])
  try {
    const addresses = answering.ports.map((port) => `127.0.0.1:${port}`)
    const [address] = addresses as [string]
    await using mesh = createMesh({
      service: 'bench',
      // One server for each contestant but the pair, as grpc-js by itself has it: frames of one connection share their packets.
      discovery: staticEndpoints({ target: [address], streams: [address], pair: addresses }),
      policy: [
        { service: 'target', ...everythingOn },
        { service: 'pair', ...everythingOn },
        { service: 'streams', ...everythingOnForStreams },
      ],
      identity: false,
    })
    const [bare, again] = [bareClient(answering), bareClient(answering)]
    const barePair = bareClient(answering, roundRobin)
    const [bareOfPlain, bareOfMeshed, bareOfBounded] = [bareClient(plain), bareClient(meshed), bareClient(bounded)]
    const clients = await race({
      meshUnary: { call: getting(meshClient(mesh, 'target', Things)), load: unaryLoad },
      grpcJs: { call: getting(bare), load: unaryLoad },
      grpcJsAgain: { call: getting(again), load: unaryLoad },
      meshPair: { call: getting(meshClient(mesh, 'pair', Things)), load: unaryLoad },
      grpcJsPair: { call: getting(barePair), load: unaryLoad },
      meshStream: { call: listing(meshClient(mesh, 'streams', Things), messagesOfStream), load: streamLoad },
      grpcJsStream: { call: listing(bare, messagesOfStream), load: streamLoad },
    })
    const servers = await race({
      meshServer: { call: getting(bareOfMeshed), load: unaryLoad, cpu: meshed.cpu },
      meshServerBounded: { call: getting(bareOfBounded), load: unaryLoad, cpu: bounded.cpu },
      grpcJsServer: { call: getting(bareOfPlain), load: unaryLoad, cpu: plain.cpu },
      meshServerStream: { call: listing(bareOfBounded, messagesOfStream), load: streamLoad, cpu: bounded.cpu },
      grpcJsServerStream: { call: listing(bareOfPlain, messagesOfStream), load: streamLoad, cpu: plain.cpu },
    })
    for (const client of [bare, again, barePair, bareOfPlain, bareOfMeshed, bareOfBounded]) client.close()
    print(clients, servers, json)
  } finally {
    for (const server of [answering, plain, meshed, bounded]) server.process.disconnect()
  }
}

async function race(contestants: Readonly<Record<string, Contestant>>): Promise<Figures> {
  const all = Object.entries(contestants).map(([name, { call, load, cpu }]) => [name, () => measure(call, load, cpu)] as const)
  // Under an inbound request, as most calls are.
  return runUnder(new Ambient(null, '', Number.POSITIVE_INFINITY), async () => {
    for (let warming = 0; warming < warmingRounds; warming++) for (const [, round] of all) await round()
    return interleave(Object.fromEntries(all), rounds)
  })
}

async function started(kind: GrpcServerTold): Promise<GrpcServer> {
  const child = fork(new URL('grpc-answering-server.ts', import.meta.url))
  child.send(kind)
  const [ports] = (await once(child, 'message')) as [number[]]
  const told = async (ask: GrpcServerAsked): Promise<number> => {
    child.send(ask)
    return ((await once(child, 'message')) as [number])[0]
  }
  return { process: child, ports, cpu: { atStart: () => told('start'), atEnd: () => told('end') } }
}

/** A plain client; without `options` at its first address alone. */
function bareClient({ ports }: GrpcServer, options: ClientOptions = {}) {
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`
  return new Things(target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, ...options })
}

function print(clients: Figures, servers: Figures, json: boolean): void {
  const ratios = {
    'meshUnary/grpcJs': ratioOf(clients, 'meshUnary', 'grpcJs'),
    'meshPair/grpcJsPair': ratioOf(clients, 'meshPair', 'grpcJsPair'),
    'meshStream/grpcJs': ratioOf(clients, 'meshStream', 'grpcJsStream'),
    'meshServer/grpcJs': ratioOf(servers, 'meshServer', 'grpcJsServer'),
    'meshServerBounded/grpcJs': ratioOf(servers, 'meshServerBounded', 'grpcJsServer'),
    'meshServerStream/grpcJs': ratioOf(servers, 'meshServerStream', 'grpcJsServerStream'),
    noise: ratioOf(clients, 'grpcJsAgain', 'grpcJs'),
  }
  const rows = [...rowsOf(clients), ...rowsOf(servers)]
  console.table(rows)
  console.table(ratios)
  console.log(`CPU per call, of the server's process in the rows with Server, of the client's in the others: a message of 250 bytes,`)
  console.log(`${unaryLoad.inFlight} in flight, or a stream of ${messagesOfStream} of them, ${streamLoad.inFlight} in flight.`)
  console.log(
    `Pair: balanced over two servers. Median of ${rounds} interleaved rounds of ${unaryLoad.calls} calls, or ${streamLoad.calls} streams. noise: grpc-js beside itself.`,
  )
  if (json) console.log(JSON.stringify({ bench: 'wire', grpc: true, ratios, rows }))
}
