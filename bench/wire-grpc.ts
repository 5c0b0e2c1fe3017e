/** `pnpm bench wire --grpc`: a client of grpc-js through meshChannel, and a server of grpc-js behind serveGrpc, beside what both stand on. */
import { type ClientOptions, credentials } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshClient } from '@zerohop/mesh-grpc'
import { everythingOn, everythingOnForStreams, inboundOn } from './everything-on.ts'
import type { GrpcServerKind } from './grpc-answering-server.ts'
import { type Figures, type Load, ratioOf, rowsOf } from './load.ts'
import { race } from './race.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { getting, listing, Things } from './things.ts'

const rounds = 15
const messagesOfStream = 1000
const unaryLoad: Load = { calls: 8000, inFlight: 50 }
const streamLoad: Load = { calls: 48, inFlight: 4 }

const roundRobin = { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) }

/** Measures and prints; with `json` a last line for machines. */
export async function benchWireGrpc(json: boolean): Promise<void> {
  const start = (policy: object | null): Promise<ServerProcess> =>
    startServer('grpc-answering-server.ts', { policy } satisfies GrpcServerKind)
  // One of its own for each contestant whose server counts, so that none of them has had more calls than another.
  const servers = await Promise.all([start(null), start(null), start({}), start(inboundOn)])
  const [answering, plain, meshed, bounded] = servers
  try {
    const addresses = answering.told.ports.map((port) => `127.0.0.1:${port}`)
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
    const ofClients = await race(rounds, {
      meshUnary: { call: getting(meshClient(mesh, 'target', Things)), load: unaryLoad },
      grpcJs: { call: getting(bare), load: unaryLoad },
      grpcJsAgain: { call: getting(again), load: unaryLoad },
      meshPair: { call: getting(meshClient(mesh, 'pair', Things)), load: unaryLoad },
      grpcJsPair: { call: getting(barePair), load: unaryLoad },
      meshStream: { call: listing(meshClient(mesh, 'streams', Things), messagesOfStream), load: streamLoad },
      grpcJsStream: { call: listing(bare, messagesOfStream), load: streamLoad },
    })
    const ofServers = await race(rounds, {
      meshServer: { call: getting(bareOfMeshed), load: unaryLoad, cpu: meshed.cpu },
      meshServerBounded: { call: getting(bareOfBounded), load: unaryLoad, cpu: bounded.cpu },
      grpcJsServer: { call: getting(bareOfPlain), load: unaryLoad, cpu: plain.cpu },
      meshServerStream: { call: listing(bareOfBounded, messagesOfStream), load: streamLoad, cpu: bounded.cpu },
      grpcJsServerStream: { call: listing(bareOfPlain, messagesOfStream), load: streamLoad, cpu: plain.cpu },
    })
    for (const one of [bare, again, barePair, bareOfPlain, bareOfMeshed, bareOfBounded]) one.close()
    print(ofClients, ofServers, json)
  } finally {
    for (const one of servers) one.stop()
  }
}

/** A plain client; without `options` at its first address alone. */
function bareClient({ told }: ServerProcess, options: ClientOptions = {}) {
  const target = `ipv4:${told.ports.map((port) => `127.0.0.1:${port}`).join(',')}`
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
