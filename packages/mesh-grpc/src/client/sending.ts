/** The way of one gRPC call into the mesh and back. */
import type { OutgoingHttpHeaders } from 'node:http2'
import type { CallCredentials, Metadata, StatusObject } from '@grpc/grpc-js'
import { type Ambient, CANCELLED, Call, type Destination, EXPIRED, type MeshParts, type Outcome } from '@zerohop/mesh-core/transport'
import type { BufferedCall } from './buffered-call.ts'
import { statusOfError, statusOfOutcome, unknownService } from './call-status.ts'
import { GrpcMessage } from './grpc-call.ts'
import type { GrpcReply } from './grpc-reply.ts'
import type { GrpcWire } from './grpc-wire.ts'
import { type MethodFacts, methodName } from './method-table.ts'
import type { ReplayRoom } from './replay-room.ts'
import type { WireOptions } from './wire-options.ts'

/** What the calls of a channel have in common. */
export interface CallGround {
  readonly service: string
  readonly parts: MeshParts
  readonly wire: GrpcWire
  readonly options: WireOptions
  readonly room: ReplayRoom
  /** By path; empty where the channel knows nothing of its service. */
  readonly methods: ReadonlyMap<string, MethodFacts>
  /** True where the program wants no call to be tried again. */
  readonly once: boolean
}

/** What is sent. */
export interface SendingStart {
  readonly ground: CallGround
  readonly path: string
  readonly host: string | null
  /** The program's metadata, by `headersOf`. */
  readonly headers: OutgoingHttpHeaders
  /** What the program said about the call with its metadata. */
  readonly said: ReturnType<Metadata['getOptions']>
  readonly request: BufferedCall
  readonly unaryResponse: boolean
  readonly credentials: CallCredentials | null
  readonly ambient: Ambient | null
  /** By the mesh's clock. */
  readonly startedAt: number
  /** What the program's own deadline leaves, at most 0 where it is over; Infinity for none, NaN for a date that is none. */
  readonly timeoutMs: number
}

/** Whoever wants the answer. Does not throw: a promise that nobody has would be rejected for it. */
export interface SendingOwner {
  /** There is one, or the beginning of one. */
  tookReply(reply: GrpcReply, peer: string): void
  /** There is none. */
  finish(status: StatusObject): void
}

/** One call. */
export class Sending {
  readonly #start: SendingStart
  readonly #owner: SendingOwner
  #call: Call | null = null
  #revision = ''
  #hasLeft = false

  constructor(start: SendingStart, owner: SendingOwner) {
    this.#start = start
    this.#owner = owner
  }

  begin(): void {
    const destination = this.#destination()
    if (destination === null) void this.#meet()
    else this.#send(destination)
  }

  /** The program has left: whatever is under way ends. */
  leave(): void {
    this.#hasLeft = true
    this.#call?.end(CANCELLED)
  }

  /** The status of an answer that broke off. */
  statusOf(end: Outcome): StatusObject {
    return statusOfOutcome(this.#call as Call, end, { revision: this.#revision, now: this.#start.ground.parts.clock.now() })
  }

  #destination(): Destination | null {
    const { parts, service, wire } = this.#start.ground
    return parts.destination(service, wire)
  }

  // What a control API says of a service that is not known yet is waited for, within the time that the call has.
  async #meet(): Promise<void> {
    const { ground, said, ambient, startedAt, timeoutMs } = this.#start
    const { parts, service, wire } = ground
    const ambientMs = ambient?.bindsAt(startedAt) ? ambient.deadlineAt - startedAt : Number.POSITIVE_INFINITY
    await parts.inquire(service, Math.max(0, Math.min(timeoutMs, ambientMs)))
    if (this.#hasLeft) return
    const destination = this.#destination()
    if (destination !== null) this.#send(destination)
    // It does not pass the mesh by, whoever it is for: there is nothing to refuse.
    else if (said.waitForReady === true) this.#send(parts.expected(service, wire))
    else process.nextTick(finish, this.#owner, statusOfError(parts.strangerError(service) ?? unknownService(service)))
  }

  #send(destination: Destination): void {
    const { ground, path, request, said, unaryResponse, ambient, startedAt, timeoutMs } = this.#start
    this.#revision = destination.revision
    const call = new Call({
      service: destination.service,
      method: methodName(path),
      path,
      kind: unaryResponse && request.ended ? 'unary' : 'stream',
      message: new GrpcMessage(this.#start, ground.options, destination.revision),
      replayable: true,
      idempotent: said.idempotentRequest ?? ground.methods.get(path)?.idempotent ?? false,
    })
    call.once = ground.once
    call.waitsForReady = said.waitForReady === true
    call.startedAt = startedAt
    call.ambient = ambient
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      call.timeoutMs = timeoutMs
      // As grpc-js has it, a date that is none is over: a call must not go on for ever that was meant to have an end.
      if (!(timeoutMs > 0)) call.end(EXPIRED)
    }
    this.#call = call
    void destination.send(call).then((outcome) => this.#answered(outcome))
  }

  #answered(outcome: Outcome): void {
    const reply = outcome.reply as GrpcReply | null
    if (reply !== null) this.#owner.tookReply(reply, outcome.endpoint?.address ?? '')
    else this.#owner.finish(this.statusOf(outcome))
  }
}

function finish(owner: SendingOwner, status: StatusObject): void {
  owner.finish(status)
}
