/** Plain servers of grpc-js and servers that misbehave, on real sockets, and a mesh that calls them: what the tests of this room stand on. */
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { createMesh, type EndpointInfo, type Mesh, WatchSource } from '@zerohop/mesh-core'
import { partsOf } from '@zerohop/mesh-core/transport'
import { BytesClient, bytes } from './bytes-client-under-test.ts'
import { type GrpcWire, grpcWire } from './grpc-wire.ts'
import type { MeshChannelOptions } from './mesh-channel.ts'

/** Messages are bytes here. */
export interface Handlers {
  unary?(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): unknown
  gather?(call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>): unknown
  scatter?(call: ServerWritableStream<Buffer, Buffer>): unknown
  talk?(call: ServerDuplexStream<Buffer, Buffer>): unknown
}

/** Answers every call with what it was asked. */
export const echoing: Required<Handlers> = {
  unary: (call, callback) => callback(null, call.request),
  gather: (call, callback) => {
    const chunks: Buffer[] = []
    call.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => callback(null, Buffer.concat(chunks)))
  },
  scatter: (call) => {
    for (const byte of call.request) call.write(Buffer.from([byte]))
    call.end()
  },
  talk: (call) => call.on('data', (message: Buffer) => call.write(message)).on('end', () => call.end()),
}

/** A server of a test; gone at the end of the block that made it. */
export interface Upstream extends AsyncDisposable {
  readonly address: string
  /** Dies: connections are cut and nobody listens any more. */
  kill(): void
}

export interface GrpcUpstream extends Upstream {
  readonly server: Server
}

/** A plain server of grpc-js. */
export async function upstream(
  handlers: Handlers,
  {
    options = {},
    secure = ServerCredentials.createInsecure(),
    port = 0,
  }: { options?: object; secure?: ServerCredentials; port?: number } = {},
): Promise<GrpcUpstream> {
  const server = new Server(options)
  server.addService(bytes, handlers as never)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.bindAsync(`127.0.0.1:${port}`, secure, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  const address = `127.0.0.1:${await promise}`
  const kill = (): void => server.forceShutdown()
  return { server, address, kill, [Symbol.asyncDispose]: async () => kill() }
}

/** A server that takes connections and says what it likes. */
export function rawUpstream(accept: (socket: Socket, nth: number) => void): Promise<Upstream> {
  let nth = 0
  return listening(createServer((socket) => accept(socket, nth++)))
}

/** A server of HTTP/2 that answers streams as it likes. */
export function http2Upstream(
  answer: (stream: ServerHttp2Stream, session: ServerHttp2Session, headers: IncomingHttpHeaders) => void,
): Promise<Upstream> {
  const server = createHttp2Server()
  server.on('session', (session) => session.on('error', () => {}))
  server.on('stream', (stream: ServerHttp2Stream, headers) =>
    answer(
      stream.on('error', () => {}),
      stream.session as ServerHttp2Session,
      headers,
    ),
  )
  return listening(server)
}

async function listening(server: ReturnType<typeof createServer>): Promise<Upstream> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const kill = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, kill, [Symbol.asyncDispose]: async () => kill() }
}

/** A mesh that knows the service `bytes`, with a client of it. */
export interface Caller extends AsyncDisposable {
  readonly mesh: Mesh
  readonly wire: GrpcWire
  readonly client: BytesClient
  /** Another client of the same service. */
  connect(options?: MeshChannelOptions): BytesClient
  /** From now on the service is at these addresses. */
  move(addresses: readonly (string | EndpointInfo)[]): void
}

/** Makes a mesh whose service is at `addresses`; without a policy, a single attempt of at most five seconds. */
export async function caller(
  addresses: readonly (string | EndpointInfo)[],
  { policy = {}, mesh: more = {}, channel = {} }: { policy?: object; mesh?: object; channel?: MeshChannelOptions } = {},
): Promise<Caller> {
  const watch = new WatchSource<readonly EndpointInfo[]>(addresses.map(info))
  const discovery = {
    name: 'test',
    watch: (service: string) => (service === 'bytes' ? watch : null),
    services: () => ['bytes'],
    close: async () => {},
  }
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const mesh = createMesh({
    service: 'shopper',
    discovery,
    log,
    policy: { service: 'bytes', timeout: '5s', retry: { attempts: 1 }, ...policy },
    ...more,
  })
  await mesh.ready()
  const connect = (options: MeshChannelOptions = {}): BytesClient => new BytesClient(mesh, options)
  return {
    mesh,
    wire: grpcWire(partsOf(mesh)),
    client: connect(channel),
    connect,
    move: (next) => watch.set(next.map(info)),
    [Symbol.asyncDispose]: () => mesh.close({ graceMs: 0 }),
  }
}

function info(address: string | EndpointInfo): EndpointInfo {
  return typeof address === 'string' ? { address, labels: {}, zone: '', weight: 1 } : address
}

/** A connection to `server` through which all bytes pass; `told` hears of its end. */
export function through(server: Upstream, socket: Socket, told: () => void = () => {}): Socket {
  const [host, port] = server.address.split(':') as [string, string]
  const behind = connectSocket(Number(port), host).on('error', () => {})
  socket.on('close', told)
  socket.pipe(behind).pipe(socket)
  return behind
}

/** Which of several servers answers. */
export function naming(name: string, seen: string[]): Handlers {
  return {
    ...echoing,
    unary: (_call, callback) => {
      seen.push(name)
      callback(null, Buffer.from(name))
    },
  }
}
