/** Makes the calls of cases with a client of grpc-js. */
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
  status as Status,
  type StatusObject,
} from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import { meshChannel } from '@zerohop/mesh-grpc'
import type { CallSpec, Upstream } from '../case.ts'
import { answered, type Begun, callerLeft, type Ended, failed, host, nothingCame } from '../seen.ts'
import type { Caller } from '../wire.ts'
import { keyed, messagesOf, methodOf, shop, streamsAnswers, wordOf } from './grpc-words.ts'

type Sent = ClientWritableStream<Buffer> | ClientDuplexStream<Buffer, Buffer> | ClientReadableStream<Buffer>

const same = (bytes: Buffer): Buffer => bytes

/** Calls of `mesh`. */
export function grpcCaller(mesh: Mesh, upstream: Upstream): Caller {
  const options = { definition: shop, idempotent: keyed }
  const clientOf = (more: object): Client =>
    new Client(host, credentials.createInsecure(), { channelOverride: meshChannel(mesh, host, { ...options, ...more }) })
  const [usual, once] = [clientOf({}), clientOf({ 'grpc.enable_retries': 0 })]
  const responseStream = streamsAnswers(upstream)
  return (spec, signal) => new OneCall(spec, signal).make(spec.once ? once : usual, responseStream)
}

/** One call, and what its caller has heard of it. */
class OneCall {
  readonly #spec: CallSpec
  readonly #signal: AbortSignal
  readonly #messages: Buffer[] = []
  #head: Metadata | null = null

  constructor(spec: CallSpec, signal: AbortSignal) {
    this.#spec = spec
    this.#signal = signal
  }

  async make(client: Client, responseStream: boolean): Promise<Ended> {
    const { promise: answer, resolve } = Promise.withResolvers<ServiceError | null>()
    const call = this.#begin(client, responseStream, (error, message) => {
      if (message !== undefined) this.#messages.push(message)
      resolve(error)
    })
    const leave = (): void => call.cancel()
    this.#signal.addEventListener('abort', leave, { once: true })
    call.on('metadata', (head: Metadata) => {
      this.#head = head
    })
    const ended = new Promise<StatusObject>((tell) => call.on('status', tell))
    if (responseStream) {
      ;(call as ClientReadableStream<Buffer>)
        .on('data', (message: Buffer) => this.#messages.push(message))
        .on('error', (error: ServiceError) => resolve(error))
        .on('end', () => resolve(null))
    }
    const [status, error] = await Promise.all([ended, answer])
    this.#signal.removeEventListener('abort', leave)
    return this.#endOf(status, error)
  }

  #begin(client: Client, responseStream: boolean, answer: (error: ServiceError | null, message?: Buffer) => void): Sent {
    const { timeoutMs, idempotent, waits } = this.#spec
    const { path, requestStream } = methodOf(this.#spec, responseStream)
    const metadata = new Metadata({ waitForReady: waits, ...(idempotent === undefined ? {} : { idempotentRequest: idempotent }) })
    const options = timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {}
    const messages = messagesOf(this.#spec)
    if (!requestStream) {
      const message = messages[0] as Buffer
      return responseStream
        ? client.makeServerStreamRequest(path, same, same, message, metadata, options)
        : (client.makeUnaryRequest(path, same, same, message, metadata, options, answer) as unknown as Sent)
    }
    const call = responseStream
      ? client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, metadata, options)
      : client.makeClientStreamRequest<Buffer, Buffer>(path, same, same, metadata, options, answer)
    for (const message of messages) call.write(message)
    call.end()
    return call
  }

  #endOf({ code, details, metadata }: StatusObject, error: ServiceError | null): Ended {
    const headers = new Headers()
    for (const one of [this.#head, metadata]) {
      for (const [name, value] of Object.entries(one?.toHttp2Headers() ?? {})) headers.append(name, String(value))
    }
    const body = Buffer.concat(this.#messages).toString()
    const cause = (error as { cause?: unknown } | null)?.cause
    const hasLeft = code === Status.CANCELLED && this.#signal.aborted
    if (cause === undefined && !hasLeft) {
      const status = Status[code] as string
      return answered({ status, headers, body: code === Status.OK ? body : details }, wordOf(status))
    }
    const begun: Begun = this.#head === null ? nothingCame : { gets: 'broken answer', status: 'OK', headers, body }
    return failed(begun, hasLeft && cause === undefined ? callerLeft : error, cause)
  }
}
