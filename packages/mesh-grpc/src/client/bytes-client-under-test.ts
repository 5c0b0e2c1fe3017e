/** A client of a service whose messages are bytes, with one method of each kind; none of its calls rejects. */
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
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import { type MeshChannelOptions, meshChannel } from './mesh-channel.ts'

const same = (bytes: Buffer): Buffer => bytes

function method(name: string, requestStream: boolean, responseStream: boolean) {
  const path = `/test.Bytes/${name}`
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
}

/** `test.Bytes`: one method of each kind. */
export const bytes: ServiceDefinition = {
  unary: method('unary', false, false),
  gather: method('gather', true, false),
  scatter: method('scatter', false, true),
  talk: method('talk', true, true),
}

/** How a call ended. */
export interface Ended {
  readonly code: number
  readonly details: string
  readonly trailers: Metadata
  readonly head: Metadata | null
  readonly messages: Buffer[]
  readonly error: ServiceError | null
}

/** What a caller says beside its messages. */
export type Saying = CallOptions & { metadata?: Metadata }

/** A client of `test.Bytes` over a mesh. */
export class BytesClient extends Client {
  constructor(mesh: Mesh, options: MeshChannelOptions) {
    super('bytes', credentials.createInsecure(), { channelOverride: meshChannel(mesh, 'bytes', options) })
  }

  unary(message: Buffer | string, saying: Saying = {}): Promise<Ended> {
    return this.unaryCall(message, saying).ended
  }

  unaryCall(message: Buffer | string, saying: Saying = {}): { call: ClientUnaryCall; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    const taken = new Taken()
    const call = this.makeUnaryRequest(path('unary'), same, same, Buffer.from(message), metadata, options, taken.answered)
    return { call, ended: taken.endOf(call) }
  }

  gather(saying: Saying = {}): { call: ClientWritableStream<Buffer>; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    const taken = new Taken()
    const call = this.makeClientStreamRequest<Buffer, Buffer>(path('gather'), same, same, metadata, options, taken.answered)
    return { call, ended: taken.endOf(call) }
  }

  scatter(message: Buffer | string, saying: Saying = {}): { call: ClientReadableStream<Buffer>; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    const call = this.makeServerStreamRequest(path('scatter'), same, same, Buffer.from(message), metadata, options)
    return { call, ended: new Taken().reading(call) }
  }

  talk(saying: Saying = {}): { call: ClientDuplexStream<Buffer, Buffer>; ended: Promise<Ended> } {
    const { metadata, options } = said(saying)
    const call = this.makeBidiStreamRequest<Buffer, Buffer>(path('talk'), same, same, metadata, options)
    return { call, ended: new Taken().reading(call) }
  }
}

function path(name: string): string {
  return `/test.Bytes/${name}`
}

function said({ metadata = new Metadata(), ...options }: Saying): { metadata: Metadata; options: CallOptions } {
  return { metadata, options }
}

class Taken {
  readonly #messages: Buffer[] = []
  #head: Metadata | null = null
  #error: ServiceError | null = null

  readonly answered = (error: ServiceError | null, message: Buffer | undefined): void => {
    this.#error = error
    if (message !== undefined) this.#messages.push(message)
  }

  reading(call: ClientReadableStream<Buffer>): Promise<Ended> {
    call
      .on('data', (message: Buffer) => this.#messages.push(message))
      .on('error', (error: ServiceError) => {
        this.#error = error
      })
    return this.endOf(call)
  }

  endOf(call: NodeJS.EventEmitter): Promise<Ended> {
    const { promise, resolve } = Promise.withResolvers<Ended>()
    call.on('metadata', (head: Metadata) => {
      this.#head = head
    })
    call.on('status', ({ code, details, metadata }: StatusObject) => {
      const rest = (): Omit<Ended, 'code' | 'details' | 'trailers'> => ({ head: this.#head, messages: this.#messages, error: this.#error })
      setImmediate(() => resolve({ code, details, trailers: metadata, ...rest() }))
    })
    return promise
  }
}

/** Metadata of fields. */
export function metadataOf(fields: Readonly<Record<string, string | Buffer>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

/** Waits for a condition, turn of the event loop by turn. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
