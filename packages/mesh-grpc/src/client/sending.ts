/** The way of one gRPC call into the mesh and back: to its destination, again and again where it waits until that is ready. */
import type { OutgoingHttpHeaders } from 'node:http2'
import type { CallCredentials, Metadata, StatusObject } from '@grpc/grpc-js'
import {
  type Ambient,
  CANCELLED,
  Call,
  type Destination,
  EXPIRED,
  type MeshParts,
  type Outcome,
  type Timer,
  UNREACHED,
} from '@zerohop/mesh-core/transport'
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
  /** What the program's own deadline leaves, at most 0 where it is over; Infinity for none. */
  readonly timeoutMs: number
}

/** Whoever wants the answer. */
export interface SendingOwner {
  /** There is one, or the beginning of one. */
  tookReply(reply: GrpcReply, peer: string): void
  /** There is none. */
  finish(status: StatusObject): void
}

const firstPauseMs = 50
const mostPauseMs = 1000

/** One call. Its owner hears of its end in a tick of its own, whatever it does and throws there. */
export class Sending {
  readonly #start: SendingStart
  readonly #owner: SendingOwner
  readonly #waitsForReady: boolean
  #call: Call | null = null
  #revision = ''
  #timer: Timer | null = null
  #pauseMs = firstPauseMs
  #hasLeft = false

  constructor(start: SendingStart, owner: SendingOwner) {
    this.#start = start
    this.#owner = owner
    this.#waitsForReady = start.said.waitForReady === true
  }

  begin(): void {
    const destination = this.#destination()
    if (destination === null) void this.#meet()
    else this.#send(destination, this.#start)
  }

  /** The program has left: whatever is under way ends. */
  leave(): void {
    this.#hasLeft = true
    this.#timer?.cancel()
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
    const { ground, ambient, startedAt, timeoutMs } = this.#start
    const { parts, service } = ground
    const ambientMs = ambient?.bindsAt(startedAt) ? ambient.deadlineAt - startedAt : Number.POSITIVE_INFINITY
    await parts.inquire(service, Math.max(0, Math.min(timeoutMs, ambientMs)))
    if (this.#hasLeft) return
    const destination = this.#destination()
    if (destination !== null) this.#send(destination, this.#start)
    else process.nextTick(finish, this.#owner, statusOfError(parts.strangerError(service) ?? unknownService(service)))
  }

  #send(destination: Destination, time: { startedAt: number; timeoutMs: number }): void {
    const { ground, path, request, said, unaryResponse, ambient } = this.#start
    this.#revision = destination.revision
    const call = new Call({
      service: destination.service,
      method: methodName(path),
      path,
      kind: unaryResponse && request.ended ? 'unary' : 'stream',
      message: new GrpcMessage({ ...this.#start, options: ground.options, revision: destination.revision }),
      replayable: true,
      idempotent: said.idempotentRequest ?? ground.methods.get(path)?.idempotent ?? false,
    })
    call.once = ground.once
    call.startedAt = time.startedAt
    call.ambient = ambient
    if (time.timeoutMs !== Number.POSITIVE_INFINITY) {
      call.timeoutMs = time.timeoutMs
      if (time.timeoutMs <= 0) call.end(EXPIRED)
    }
    this.#call = call
    destination.send(call).then((outcome) => process.nextTick(answered, this, outcome))
  }

  /** What came of the call as the mesh sees it. */
  answered(outcome: Outcome): void {
    const reply = outcome.reply as GrpcReply | null
    if (reply !== null) this.#owner.tookReply(reply, outcome.endpoint?.address ?? '')
    else if (this.#waitsForReady && !this.#hasLeft && isUnready(this.#call as Call, outcome)) this.#wait()
    else this.#owner.finish(this.statusOf(outcome))
  }

  #wait(): void {
    const { parts } = this.#start.ground
    const { deadlineAt } = this.#call as Call
    const pauseMs = Math.max(0, Math.min(this.#pauseMs * (0.5 + parts.random() / 2), deadlineAt - parts.clock.now()))
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs)
    this.#timer = parts.clock.setTimer(pauseMs, () => {
      const destination = this.#destination()
      const now = parts.clock.now()
      if (destination !== null) this.#send(destination, { startedAt: now, timeoutMs: deadlineAt - now })
      else this.#owner.finish(statusOfError(unknownService(this.#start.ground.service)))
    })
    this.#timer.keepAlive(true)
  }
}

/** True where nothing of the call has left, for a reason that may pass. */
function isUnready(call: Call, outcome: Outcome): boolean {
  if (call.isOver || !call.replayable) return false
  if (outcome.verdict === UNREACHED) return outcome.code !== 'WRONG_PEER'
  return outcome.code === 'NO_ENDPOINT' || outcome.code === 'BREAKER_OPEN'
}

function answered(sending: Sending, outcome: Outcome): void {
  sending.answered(outcome)
}

function finish(owner: SendingOwner, status: StatusObject): void {
  owner.finish(status)
}
