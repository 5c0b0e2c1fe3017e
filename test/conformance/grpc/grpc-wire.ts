/** gRPC as the list of cases knows it. */
import { serveGrpc } from '@zerohop/mesh-grpc'
import type { Wire } from '../wire.ts'
import { servingShop } from './grpc-behave.ts'
import { grpcCaller } from './grpc-call.ts'
import { GrpcDoor } from './grpc-door.ts'
import { GrpcInstance } from './grpc-instance.ts'
import { answerInMemory } from './grpc-memory.ts'
import { receiveGrpc } from './grpc-visit.ts'
import { policyOf, statusOf, wordOf } from './grpc-words.ts'

export const grpc: Wire = {
  name: 'grpc',
  countsUnseen: false,
  policyOf,
  statusOf,
  wordOf,
  methodOf: ({ path }) => path.slice(path.lastIndexOf('/') + 1),
  caller: grpcCaller,
  answer: answerInMemory,
  // HTTP/2 announces the end of a connection: there is no keep-alive race to be kept out of.
  instance: (serve) => new GrpcInstance(serve),
  member: async (mesh, serve) => {
    const cut = (): void => {
      throw new Error('a member of the mesh loses no connection')
    }
    const server = servingShop(serve, { began: () => {}, cut })
    return (await serveGrpc(mesh, server, { port: 0, host: '127.0.0.1', signals: false })).port
  },
  door: (mesh) => new GrpcDoor(mesh),
  receive: receiveGrpc,
}
