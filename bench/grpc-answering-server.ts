/** A server that `pnpm bench wire --grpc` calls: plain or of the mesh. */
import { once } from 'node:events'
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { serveGrpc } from '@zerohop/mesh-grpc'
import { serveBench } from './server-process.ts'
import { type Thing, Things, type Wanted } from './things.ts'

/** What it is told: its policy where it is of the mesh. */
export interface GrpcServerKind {
  readonly policy: object | null
}

const thing: Thing = { id: 42, name: 'a thing of some length', price: 12.5, tags: ['one', 'two', 'three'], text: 'x'.repeat(190) }

function things(): Server {
  const server = new Server()
  server.addService(Things.service, {
    Get: (_: unknown, answer: sendUnaryData<Thing>) => answer(null, thing),
    List: (call: ServerWritableStream<Wanted, Thing>) => void list(call),
  })
  return server
}

async function list(call: ServerWritableStream<Wanted, Thing>): Promise<void> {
  const { count = 0 } = call.request
  for (let sent = 0; sent < count; sent++) {
    if (!call.write(thing)) await once(call, 'drain')
  }
  call.end()
}

async function plainPorts(): Promise<number[]> {
  const ports: number[] = []
  for (let listening = 0; listening < 2; listening++) {
    const port = await new Promise<number>((resolve, reject) => {
      things().bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)))
    })
    ports.push(port)
  }
  return ports
}

async function meshedPort(policy: object): Promise<number[]> {
  const mesh = createMesh({ service: 'target', policy: { service: 'target', ...policy }, identity: false })
  const { port } = await serveGrpc(mesh, things(), { port: 0, host: '127.0.0.1', signals: false })
  return [port]
}

await serveBench(async ({ policy }: GrpcServerKind) => ({ ports: policy === null ? await plainPorts() : await meshedPort(policy) }))
