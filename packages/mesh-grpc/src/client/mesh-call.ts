/** One call of a gRPC client: to the client what a call of grpc-js is, to the mesh a call like any other. */
import { AsyncResource } from 'node:async_hooks'
import type { OutgoingHttpHeaders } from 'node:http2'
import { isUint8Array } from 'node:util/types'
import { type CallCredentials, type InterceptingListener, Metadata, propagate, status as Status, type StatusObject } from '@grpc/grpc-js'
import { type Ambient, currentAmbient, type Outcome, refusedHeader } from '@zerohop/mesh-core/transport'
import { BufferedCall } from './buffered-call.ts'
import type { AuthContext, GrpcReply, ReplyReader } from './grpc-reply.ts'
import type { ClientCall, ParentCall } from './inner-channel.ts'
import { headersOf } from './request-headers.ts'
import { type CallGround, Sending, type SendingOwner } from './sending.ts'

/** What a client asks of a channel. */
export interface CallRequest {
  readonly path: string
  /** In milliseconds since 1970; Infinity for none. */
  readonly deadline: number
  readonly host: string | null
  /** The call of a server under which this one is made; null for none. */
  readonly parent: ParentCall | null
  /** What it hands down, as bits of `grpc.propagate`. */
  readonly flags: number
}

type MessageContext = Parameters<ClientCall['sendMessageWithContext']>[0]

let numbers = 0
// A microtask costs half of what a tick of the process does.
const soon = Promise.resolve()

export class MeshCall implements ClientCall, ReplyReader, SendingOwner {
  readonly #ground: CallGround
  readonly #asked: CallRequest
  readonly #number = ++numbers
  readonly #request: BufferedCall
  #listener: InterceptingListener | null = null
  #headers: OutgoingHttpHeaders = {}
  #said: ReturnType<Metadata['getOptions']> = {}
  #credentials: CallCredentials | null = null
  // That under which the program makes the call: an interceptor may let it begin wherever it likes.
  readonly #ambient: Ambient | null = currentAmbient()
  #startedAt = 0
  #timeoutMs = Number.POSITIVE_INFINITY
  #hasSpoken = false
  #unaryResponse: boolean
  #wantsRead = false
  #sending: Sending | null = null
  #reply: GrpcReply | null = null
  // The program's, where the answer goes on after its beginning.
  #context: AsyncResource | null = null
  #departure: StatusObject | null = null
  #peer: string
  #isOver = false

  constructor(ground: CallGround, asked: CallRequest) {
    this.#ground = ground
    this.#asked = asked
    this.#request = new BufferedCall(ground.room)
    this.#peer = ground.service
    this.#unaryResponse = ground.methods.get(asked.path)?.unaryResponse ?? false
  }

  start(metadata: Metadata, listener: InterceptingListener): void {
    const { deadline, parent, flags } = this.#asked
    const hasDeadline = parent !== null && (flags & propagate.DEADLINE) !== 0
    this.#listener = listener
    if (this.#departure !== null) {
      // It was left before an interceptor of the program let it begin, and nobody was there to hear of it.
      if (this.#isOver) process.nextTick(tell, listener, this.#departure)
      return
    }
    this.#headers = headersOf(metadata)
    this.#said = metadata.getOptions()
    this.#startedAt = this.#ground.parts.clock.now()
    this.#timeoutMs = Math.min(deadline, hasDeadline ? Number(parent.getDeadline()) : Number.POSITIVE_INFINITY) - Date.now()
    if (parent !== null && (flags & propagate.CANCELLATION) !== 0) parent.once('cancelled', this.#parentLeft)
    // Not at once: in one go with its start a client says what kind of call it is, and all of a single message.
    void soon.then(() => this.#begin())
  }

  sendMessageWithContext(context: MessageContext, serialized: Buffer): void {
    this.#hasSpoken = true
    const { mostSentBytes } = this.#ground.options
    const message = asBuffer(serialized)
    // Here, and not within an attempt: no server is to blame.
    if (message === null) {
      const details = `Request message serialization failure: the serializer returned no Uint8Array, but a ${typeof serialized}`
      this.cancelWithStatus(Status.INTERNAL, details)
    } else if (mostSentBytes >= 0 && message.length > mostSentBytes) {
      this.cancelWithStatus(Status.RESOURCE_EXHAUSTED, `Attempted to send message with a size larger than ${mostSentBytes}`)
    } else this.#request.push(message, context.flags, context.callback ?? null)
  }

  halfClose(): void {
    this.#hasSpoken = true
    this.#request.end()
  }

  startRead(): void {
    if (this.#reply !== null) {
      this.#reply.read()
      return
    }
    // Where the service is not known: a client of grpc-js reads in the tick of its start, and before it sends, only where the response is a
    // single message. A stream that is read as early merely gets its metadata together with its first message.
    if (this.#sending === null && !this.#hasSpoken && !this.#ground.methods.has(this.#asked.path)) this.#unaryResponse = true
    this.#wantsRead = true
  }

  cancelWithStatus(code: Status, details: string): void {
    if (this.#isOver || this.#departure !== null) return
    this.#departure = { code, details, metadata: new Metadata() }
    this.#sending?.leave()
    // In a tick of its own, as grpc-js has it: a program that cancels does not expect to hear of it before it goes on.
    process.nextTick(finish, this, this.#departure)
  }

  setCredentials(credentials: CallCredentials): void {
    this.#credentials = credentials
  }

  getPeer(): string {
    return this.#peer
  }

  getCallNumber(): number {
    return this.#number
  }

  getAuthContext(): AuthContext | null {
    return this.#reply?.authContext() ?? null
  }

  /** Everything that was to be said in one go with the start has been said. */
  #begin(): void {
    if (this.#departure !== null) return
    this.#sending = new Sending(
      {
        ground: this.#ground,
        path: this.#asked.path,
        host: this.#asked.host,
        headers: this.#headers,
        said: this.#said,
        request: this.#request,
        unaryResponse: this.#unaryResponse,
        credentials: this.#credentials,
        ambient: this.#ambient,
        startedAt: this.#startedAt,
        timeoutMs: this.#timeoutMs,
      },
      this,
    )
    this.#sending.begin()
  }

  tookReply(reply: GrpcReply, peer: string): void {
    this.#reply = reply
    if (peer !== '') this.#peer = peer
    reply.deliver(this)
    // Of an answer that is one message, and is here, there is nothing left to hear but its end.
    if (!this.#isOver && !(this.#unaryResponse && this.#request.ended)) this.#context = new AsyncResource('ZEROHOP_GRPC_CALL')
    // Of a single message the attempt itself has made the read.
    if (this.#wantsRead && !this.#unaryResponse) reply.read()
  }

  tookMetadata(metadata: Metadata): void {
    const listener = this.#listener
    if (listener !== null && !this.#isOver) toProgram(listener, listener.onReceiveMetadata, metadata)
  }

  tookMessage(message: Buffer): void {
    const listener = this.#listener
    if (listener !== null && !this.#isOver) toProgram(listener, listener.onReceiveMessage, message)
  }

  tookStatus(status: StatusObject): void {
    // A word between the meshes: passed on by a gateway, it would make its callers repeat what has been done.
    if (status.code !== Status.OK) status.metadata.remove(refusedHeader)
    this.finish(status)
  }

  // Whoever finds out that there will be no more has work to do besides, and was begun by anybody: an alarm that many calls share, say.
  brokeOff(end: Outcome): void {
    const status = (this.#sending as Sending).statusOf(end)
    if (this.#context === null) process.nextTick(finish, this, status)
    else this.#context.runInAsyncScope(process.nextTick, process, finish, this, status)
  }

  /** Ends the call; what comes afterwards is not heard. */
  finish(status: StatusObject): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#request.close()
    this.#asked.parent?.off('cancelled', this.#parentLeft)
    const listener = this.#listener
    if (listener !== null) toProgram(listener, listener.onReceiveStatus, this.#departure ?? status)
  }

  readonly #parentLeft = (): void => this.cancelWithStatus(Status.CANCELLED, 'Cancelled by parent call')
}

/** What a serializer returned, whatever its type promises: those of protobuf-es and google-protobuf return a plain Uint8Array. */
function asBuffer(serialized: unknown): Buffer | null {
  if (Buffer.isBuffer(serialized)) return serialized
  return isUint8Array(serialized) ? Buffer.from(serialized.buffer, serialized.byteOffset, serialized.byteLength) : null
}

function tell(listener: InterceptingListener, status: StatusObject): void {
  listener.onReceiveStatus(status)
}

// What the program throws where it hears of something is an uncaught exception, and ends nothing of the call: more is to be told, and others have
// work to do after the telling.
function toProgram<T>(listener: InterceptingListener, hear: (what: T) => void, what: T): void {
  try {
    hear.call(listener, what)
  } catch (error) {
    process.nextTick(rethrow, error)
  }
}

function rethrow(error: unknown): void {
  throw error
}

function finish(call: MeshCall, status: StatusObject): void {
  call.finish(status)
}
