/** gRPC servers on real sockets for the tests of this room, and plain clients of grpc-js that call them. */
import { setImmediate as turn } from 'node:timers/promises'
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { type MeshServer, serveGrpc } from './grpc-server.ts'
import type { GrpcServerOptions } from './server-options.ts'

/** Messages are texts here. */
export interface Handlers {
  unary?(call: ServerUnaryCall<string, string>, callback: sendUnaryData<string>): unknown
  gather?(call: ServerReadableStream<string, string>, callback: sendUnaryData<string>): unknown
  scatter?(call: ServerWritableStream<string, string>): unknown
  talk?(call: ServerDuplexStream<string, string>): unknown
}

const write = (text: string): Buffer => Buffer.from(text)
const read = (bytes: Buffer): string => bytes.toString()

/** `test.Words`: one method of each kind. */
export const words: ServiceDefinition = Object.fromEntries(
  [
    ['unary', false, false],
    ['gather', true, false],
    ['scatter', false, true],
    ['talk', true, true],
  ].map(([name, requestStream, responseStream]) => [
    name,
    {
      path: `/test.Words/${name}`,
      requestStream,
      responseStream,
      requestSerialize: write,
      requestDeserialize: read,
      responseSerialize: write,
      responseDeserialize: read,
    },
  ]),
) as unknown as ServiceDefinition

/** What a test says of a server; `policy` is the service's own, without its name. */
export type ServeOptions = Partial<GrpcServerOptions> & { policy?: object; mesh?: object; grpc?: object }

/** A server of the service `cart`. */
export interface Served {
  readonly mesh: Mesh
  readonly server: MeshServer
  readonly client: WordsClient
}

/** The servers of one test, and what they logged. */
export class ServersUnderTest {
  readonly lines: string[] = []
  readonly #meshes: Mesh[] = []
  readonly #clients: Client[] = []

  readonly serve = async (handlers: Handlers, { policy, mesh: more, grpc, ...options }: ServeOptions = {}): Promise<Served> => {
    const log = { info: () => {}, warn: (line: string) => this.lines.push(line), error: (line: string) => this.lines.push(line) }
    const mesh = createMesh({ service: 'cart', log, ...(policy === undefined ? {} : { policy: { service: 'cart', ...policy } }), ...more })
    this.#meshes.push(mesh)
    const given = new Server(grpc)
    given.addService(words, handlers as never)
    const server = await serveGrpc(mesh, given, { port: 0, host: '127.0.0.1', signals: false, graceMs: 1000, ...options })
    return { mesh, server, client: this.client(server) }
  }

  /** A plain client with a connection of its own. */
  readonly client = (server: MeshServer, options: object = {}, secured = credentials.createInsecure()): WordsClient => {
    const client = new WordsClient(server.address, secured, { 'grpc.use_local_subchannel_pool': 1, ...options })
    this.#clients.push(client)
    return client
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close()
    await Promise.all(this.#meshes.splice(0).map((mesh) => mesh.close({ graceMs: 0 })))
    this.lines.length = 0
  }
}

/** How a call ended. */
export interface Ended {
  readonly code: number
  readonly details: string
  readonly trailers: Metadata
  readonly messages: string[]
}

/** What a caller says beside its messages. */
export type Saying = CallOptions & { metadata?: Metadata }

const path = (method: string): string => `/test.Words/${method}`

/** A client of `test.Words`; none of its calls rejects. */
export class WordsClient extends Client {
  /** Any method that is called like `unary`. */
  call(method: string, text: string, saying: Saying = {}): { call: ClientUnaryCall; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    const messages: string[] = []
    const call = this.makeUnaryRequest(method, write, read, text, metadata, options, (_, answer) => take(messages, answer))
    return { call, ended: endOf(call, messages) }
  }

  unary(text: string, saying: Saying = {}): Promise<Ended> {
    return this.call(path('unary'), text, saying).ended
  }

  gather(saying: Saying = {}): { call: ClientWritableStream<string>; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    const messages: string[] = []
    const call = this.makeClientStreamRequest<string, string>(path('gather'), write, read, metadata, options, (_, answer) =>
      take(messages, answer),
    )
    return { call, ended: endOf(call, messages) }
  }

  scatter(text: string, saying: Saying = {}): { call: ClientReadableStream<string>; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    return reading(this.makeServerStreamRequest(path('scatter'), write, read, text, metadata, options))
  }

  talk(saying: Saying = {}): { call: ClientDuplexStream<string, string>; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    return reading(this.makeBidiStreamRequest<string, string>(path('talk'), write, read, metadata, options))
  }
}

function said({ metadata = new Metadata(), ...options }: Saying): { metadata: Metadata; options: CallOptions } {
  return { metadata, options }
}

function take(messages: string[], answer: string | undefined): void {
  if (answer !== undefined) messages.push(answer)
}

function reading<C extends ClientReadableStream<string>>(call: C): { call: C; ended: Promise<Ended> } {
  const messages: string[] = []
  call.on('data', (message: string) => messages.push(message)).on('error', () => {})
  return { call, ended: endOf(call, messages) }
}

function endOf(call: ClientUnaryCall | ClientReadableStream<string> | ClientWritableStream<string>, messages: string[]): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>()
  // A unary answer is given in the tick after its status.
  ;(call as NodeJS.EventEmitter).on('status', ({ code, details, metadata }: StatusObject) =>
    setImmediate(() => resolve({ code, details, trailers: metadata, messages })),
  )
  return promise
}

/** Waits for a condition, turn of the event loop by turn. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
