/** Lets calls of gRPC come into the calling mesh. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  Server,
  type ServerUnaryCall,
  type ServiceDefinition,
  status as Status,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import { serveGrpc } from '@zerohop/mesh-grpc'
import type { Brought, InboundDoor, OpenRequest } from '../wire.ts'
import { metadataOf } from './grpc-words.ts'

type Call = ServerUnaryCall<string, string>

const path = '/caller.Door/Enter'
const write = (text: string): Buffer => Buffer.from(text)
const read = (bytes: Buffer): string => bytes.toString()
const codec = { requestSerialize: write, requestDeserialize: read, responseSerialize: write, responseDeserialize: read }
const service = { Enter: { path, requestStream: false, responseStream: false, ...codec } } as ServiceDefinition

/** A server of the calling mesh, whose handler waits to be told what to do. */
export class GrpcDoor implements InboundDoor {
  readonly #mesh: Mesh
  #client: Promise<Client> | null = null
  readonly #entered = new Map<string, (call: Call, answer: sendUnaryData<string>) => void>()
  #opened = 0

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  async open({ leftMs, trace, baggage }: Brought): Promise<OpenRequest> {
    this.#client ??= this.#serve()
    const client = await this.#client
    const number = String(this.#opened++)
    const fields: Record<string, string> = {}
    // Said by the header alone: a client that knew of it would hang up by itself.
    if (leftMs > 0) fields['grpc-timeout'] = `${leftMs}m`
    if (trace !== '') fields.traceparent = trace
    if (baggage !== '') fields.baggage = baggage
    const { promise, resolve } = Promise.withResolvers<OpenRequest>()
    let sent: ClientUnaryCall | null = null
    const heard = new Promise<StatusObject>((tell) => {
      sent = client.makeUnaryRequest(path, write, read, number, metadataOf(fields), () => {}).on('status', tell)
    })
    this.#entered.set(number, (call, answer) => resolve(openRequest({ sent: sent as ClientUnaryCall, heard, call, answer })))
    return promise
  }

  close(): void {
    void this.#client?.then((client) => client.close())
  }

  async #serve(): Promise<Client> {
    const server = new Server({ 'grpc.enable_channelz': 0 })
    server.addService(service, { Enter: (call: Call, answer: sendUnaryData<string>) => this.#entered.get(call.request)?.(call, answer) })
    const { address } = await serveGrpc(this.#mesh, server, { port: 0, host: '127.0.0.1', signals: false })
    return new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  }
}

interface Entered {
  readonly sent: ClientUnaryCall
  readonly heard: Promise<StatusObject>
  readonly call: Call
  readonly answer: sendUnaryData<string>
}

function openRequest({ sent, heard, call, answer }: Entered): OpenRequest {
  const within = AsyncLocalStorage.snapshot()
  let isOver = false
  const gone = new Promise<void>((resolve) =>
    call.once('cancelled', () => {
      isOver = true
      resolve()
    }),
  )
  return {
    under: (work) => within(work),
    answer: async (passed) => {
      if (isOver) return
      const status = (passed?.status ?? 'OK') as keyof typeof Status
      const code = Status[status]
      // As a gateway does: everything that it got, but for what belongs to the connection.
      const metadata = new Metadata()
      for (const [name, value] of passed?.headers ?? []) if (!/^(grpc-|content-type|date)/.test(name)) metadata.set(name, value)
      if (code === Status.OK) answer(null, passed?.body ?? '', metadata)
      else answer({ code, details: passed?.body ?? '', metadata })
      const { code: told, metadata: trailers } = await heard
      await gone
      const refused = trailers.get('zerohop-refused')
      if (told !== code) throw new Error(`the caller heard ${Status[told]}, not ${status}`)
      if (refused.length > 0) throw new Error(`zerohop-refused went through to the caller: ${refused}`)
    },
    leave: async () => {
      sent.cancel()
      await gone
    },
  }
}
