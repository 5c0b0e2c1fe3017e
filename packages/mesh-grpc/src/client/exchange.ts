/** One attempt as every gRPC transport runs it: one outcome at its first sign of an answer, one settlement when its stream has ended. */
import { type Metadata, status as Status, type StatusObject } from '@grpc/grpc-js'
import {
  Alarm,
  type Answer,
  BROKEN,
  type Call,
  type ErrorCode,
  ended,
  expired,
  LATE,
  OK,
  Outcome,
  type StreamPolicy,
  type Verdict,
  type Waiting,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { statusName } from '../status-verdict.ts'
import type { MessageSink } from './buffered-call.ts'
import type { GrpcMessage } from './grpc-call.ts'
import { meaningOfEnd, pushbackMs } from './grpc-outcome.ts'
import type { AuthContext, BottomGround, GrpcReply, ReplyReader } from './grpc-reply.ts'
import type { StreamEnd } from './inner-channel.ts'

/** Runs one attempt. A transport tells it what came, and does what it asks of the transport. */
export abstract class Exchange extends Alarm implements GrpcReply, Waiting, MessageSink {
  readonly call: Call
  readonly ground: BottomGround
  /** True once nothing more can come of this attempt. */
  over = false
  /** When it began; where calls are streams, when a message last went by, either way. */
  heardAt = 0
  readonly #give: (outcome: Outcome) => void
  #outcome: Outcome | null = null
  #reader: ReplyReader | null = null
  #metadata: Metadata | null = null
  // A single message, sent before anybody was there to take it: no second one is read until then.
  #message: Buffer | null = null
  #end: StatusObject | null = null
  #breakOff: Outcome | null = null
  #isReading = false

  constructor(call: Call, ground: BottomGround, give: (outcome: Outcome) => void) {
    super(null)
    this.call = call
    this.ground = ground
    this.#give = give
  }

  /** Ends what goes on between here and the server, at once and without a word back. */
  protected abstract stopWire(): void
  /** Lets the wire bring one message. */
  protected abstract readWire(): void
  abstract writeMessage(message: Buffer, flags: number | undefined, written: () => void): void
  abstract endMessages(): void
  abstract authContext(): AuthContext | null

  get status(): string {
    return statusName(this.#end?.code ?? Status.OK)
  }

  get message(): GrpcMessage {
    return this.call.message as GrpcMessage
  }

  /** Becomes what the call waits for; false where the call has ended already, and the outcome is given. */
  protected begin(): boolean {
    const { call, ground } = this
    const now = ground.parts.clock.now()
    if (call.ending !== 0) {
      this.over = true
      this.#give(ended(call, now))
      return false
    }
    call.cancel = this
    this.heardAt = now
    if (ground.settings.stream !== null) this.#watchStream(now)
    return true
  }

  /** The wire is there: what the program sends goes to it from now on. */
  protected exchangeMessages(): void {
    if (this.message.unaryResponse) this.read()
    this.message.request.open(this.call, this)
  }

  /** The server's metadata is here. */
  protected tellMetadata(metadata: Metadata): void {
    if (this.over) return
    this.#heard()
    this.#metadata = metadata
    // A program that still sends may wait for it.
    if (!this.message.unaryResponse || !this.message.request.ended) this.#commit()
  }

  /** A message is here. */
  protected tellMessage(message: Buffer): void {
    if (this.over) return
    this.#heard()
    this.#isReading = false
    if (this.#reader !== null) {
      this.#reader.tookMessage(message)
      return
    }
    this.#message = message
    if (this.#outcome === null) this.#commit()
  }

  /** The wire took a message of the program. */
  protected tellWritten(): void {
    if (!this.over) this.#heard()
  }

  /** The stream has ended, and so has everything that was to be read from it. */
  protected tellEnd(status: StatusObject, end: StreamEnd): void {
    if (this.over) return
    const { verdict, isReply } = meaningOfEnd(end, status, this.ground.verdicts)
    if (!isReply) {
      this.lost(verdict, { error: new Error(status.details), code: '', refused: end === 'refused' })
      return
    }
    if ((end === 'answered' ? status.code === Status.DEADLINE_EXCEEDED : verdict === BROKEN) && this.#hasExpired()) return
    this.#end = status
    const first = this.#outcome === null
    if (first) {
      const wait = verdict === OK ? -1 : pushbackMs(status.metadata)
      this.#outcome = this.#outcomeOf(verdict, {
        reply: this,
        error: null,
        code: '',
        retryAfterMs: wait,
        staleConnection: false,
        open: false,
      })
    }
    this.#finish(verdict)
    if (first) this.#give(this.#outcome as Outcome)
    this.#reader?.tookStatus(status)
  }

  /**
   * There will be no answer, or no more of it. `refused`: a connection that had served took the stream no more, as a server's that is going; the
   * first time for a call that is nobody's fault, and the next attempt is free (gRFC A6: transparent retries).
   */
  protected lost(verdict: Verdict, why: { error: Error | null; code: ErrorCode | ''; refused: boolean }): void {
    if (this.over || (verdict === BROKEN && this.#hasExpired())) return
    const { refused, ...rest } = why
    const staleConnection = refused && !this.call.wantsFreshConnection
    this.#broken(this.#outcomeOf(verdict, { reply: null, ...rest, retryAfterMs: -1, open: false, staleConnection }))
  }

  /** The call or its attempt has ended while it waited here, or while the answer came. */
  cancelled(call: Call): void {
    if (this.over) return
    this.#broken(ended(call, this.ground.parts.clock.now()))
    this.stopWire()
  }

  deliver(reader: ReplyReader): void {
    this.#reader = reader
    if (this.#metadata !== null) reader.tookMetadata(this.#metadata)
    const message = this.#message
    this.#message = null
    if (message !== null) reader.tookMessage(message)
    if (this.#end !== null) reader.tookStatus(this.#end)
    if (this.#breakOff !== null) reader.brokeOff(this.#breakOff)
  }

  read(): void {
    if (this.over) return
    if (!this.#isReading && this.ground.settings.stream !== null) this.#heard()
    this.#isReading = true
    this.readWire()
  }

  discard(): void {
    if (this.over) return
    this.#finish((this.#outcome as Outcome).verdict)
    this.stopWire()
  }

  override ring(): void {
    this.#watchStream(this.ground.parts.clock.now())
  }

  #heard(): void {
    if (this.ground.settings.stream !== null) this.heardAt = this.ground.parts.clock.now()
  }

  // True where it is our own time that has run out, and not the server that has failed: that is then how the attempt ends.
  #hasExpired(): boolean {
    const now = this.ground.parts.clock.now()
    if (!this.call.isOutOfTime(now)) return false
    this.#broken(expired(this.call, now))
    return true
  }

  // The call is committed: there will be no further attempt.
  #commit(): void {
    this.#outcome = this.#outcomeOf(OK, { reply: this, error: null, code: '', retryAfterMs: -1, staleConnection: false, open: true })
    this.message.request.commit()
    // The promise is kept in a later microtask. What came in the same packet, perhaps the status, has arrived by then.
    this.#give(this.#outcome)
  }

  // The alarm is not set anew for every message: when it rings it looks when one went by last, either way.
  #watchStream(now: number): void {
    const { call, ground } = this
    const { idleMs } = ground.settings.stream as StreamPolicy
    // A server that we hold back ourselves is not silent.
    if (this.#outcome !== null && !this.#isReading) this.heardAt = now
    const silentAt = this.heardAt + idleMs
    if (now < silentAt) {
      if (silentAt !== Number.POSITIVE_INFINITY) ground.parts.wheel.set(this, silentAt, now)
      return
    }
    if (this.#outcome === null) {
      call.end(LATE)
      return
    }
    this.#broken(wholeOutcome(call, LATE, { code: 'LATE', at: now }))
    this.stopWire()
  }

  #broken(end: Outcome): void {
    const first = this.#outcome === null
    if (first) this.#outcome = end
    this.#finish(end.verdict)
    if (first) this.#give(end)
    else if (this.#reader !== null) this.#reader.brokeOff(end)
    else this.#breakOff = end
  }

  // One object, and no spread: every answer passes here.
  #outcomeOf(verdict: Verdict, { reply, error, code, retryAfterMs, staleConnection, open }: Omit<Answer, 'at'>): Outcome {
    const at = this.ground.parts.clock.now()
    return new Outcome(this.call, verdict, { reply, error, code, at, retryAfterMs, staleConnection, open })
  }

  #finish(final: Verdict): void {
    this.over = true
    this.clear()
    this.message.request.stop(this)
    if (this.call.cancel === this) this.call.cancel = null
    this.#outcome?.settle(final)
  }
}
