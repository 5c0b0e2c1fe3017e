/** Real servers, and a mesh that calls them: what the tests of the client stand on. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net'
import { createMesh, type Discovery, type EndpointInfo, type Mesh, WatchSource } from '@zerohop/mesh-core'
import { type MeshFetch, meshFetch } from './mesh-fetch.ts'

/** A server of a test; gone at the end of the block that made it. */
export interface Upstream extends AsyncDisposable {
  readonly port: number
  readonly address: string
  /** Connections taken so far. */
  connections: number
  readonly server: Server | ReturnType<typeof createSocketServer>
}

/** A server that speaks HTTP. */
export function upstream(answer: RequestListener): Promise<Upstream> {
  return listening(createServer(answer))
}

/** A server that says what it likes. */
export function rawUpstream(accept: (socket: Socket, nth: number) => void): Promise<Upstream> {
  let nth = 0
  return listening(
    createSocketServer((socket) =>
      accept(
        socket.on('error', () => {}),
        nth++,
      ),
    ),
  )
}

async function listening(server: Upstream['server']): Promise<Upstream> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    made.connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const made: Upstream = {
    port,
    address: `127.0.0.1:${port}`,
    connections: 0,
    server,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return made
}

/** A mesh that knows the given services, with its fetch. */
export interface Caller extends AsyncDisposable {
  readonly mesh: Mesh
  readonly fetch: MeshFetch
  /** From now on `service` is at these addresses. */
  move(service: string, addresses: readonly string[]): void
}

function infos(addresses: readonly string[]): EndpointInfo[] {
  return addresses.map((address) => ({ address, labels: {}, zone: '', weight: 1 }))
}

/** Makes a mesh by addresses per service; without a policy, a single attempt of at most five seconds. */
export async function caller(services: Record<string, readonly string[]>, policy: object = {}): Promise<Caller> {
  const watches = new Map(
    Object.entries(services).map(([service, addresses]) => [service, new WatchSource<readonly EndpointInfo[]>(infos(addresses))]),
  )
  const discovery: Discovery = {
    name: 'test',
    watch: (service) => watches.get(service) ?? null,
    services: () => [...watches.keys()],
    close: async () => {},
  }
  const mesh = createMesh({ service: 'shopper', discovery, policy: { timeout: '5s', retry: { attempts: 1 }, ...policy } })
  await mesh.ready()
  return {
    mesh,
    fetch: meshFetch(mesh),
    move: (service, addresses) => watches.get(service)?.set(infos(addresses)),
    [Symbol.asyncDispose]: () => mesh.close({ graceMs: 0 }),
  }
}

/** Reads a request's body whole. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Answers with what the request was. */
export async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request)
  response.setHeader('content-type', 'application/json')
  const { method, url, headers } = request
  response.end(JSON.stringify({ method, url, headers, body: body.toString('latin1') }))
}
