/** One attempt as every HTTP transport runs it: one outcome at the head of the answer, one settlement when its last byte has gone. */
import {
  Alarm,
  BROKEN,
  CANCELLED,
  type Call,
  callError,
  ended,
  expired,
  LATE,
  Outcome,
  type StreamPolicy,
  type Verdict,
  type Waiting,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import type { HttpMessage } from './http-call.ts'
import { type Loss, meaningOfLoss, type ReplyHeaders, retryAfterMs } from './http-outcome.ts'
import type { BottomGround, HttpReply } from './http-reply.ts'
import { type BodyFeed, IncomingBody } from './incoming-body.ts'
import { OneShotBody } from './one-shot-body.ts'

// A reply that nobody reads is worth its connection while the rest is small and near; a new connection costs less than more than this.
const mostDrained = 64 * 1024
const longestDrainMs = 1000

const noHeaders: ReplyHeaders = {}
// What a server says that has run out of the time it was told.
const gatewayTimeout = 504

/** Runs one attempt. A transport tells it what came, and does what it asks of the transport. */
export abstract class Exchange extends Alarm implements HttpReply, Waiting, BodyFeed {
  readonly call: Call
  readonly ground: BottomGround
  code = 0
  statusText = ''
  headers: ReplyHeaders = noHeaders
  readonly body: IncomingBody = new IncomingBody(this)
  /** True once nothing more can come of this attempt. */
  over = false
  readonly #give: (outcome: Outcome) => void
  #outcome: Outcome | null = null
  #discarding = false
  #drained = 0
  /** When the server was last heard; at first, when the attempt began. */
  protected heardAt = 0

  constructor(call: Call, ground: BottomGround, give: (outcome: Outcome) => void) {
    super(null)
    this.call = call
    this.ground = ground
    this.#give = give
  }

  /** Ends what goes on between here and the server, at once and without a word back. */
  protected abstract stopWire(): void
  abstract pauseBody(): void
  abstract resumeBody(): void

  get status(): string {
    return String(this.code)
  }

  get message(): HttpMessage {
    return this.call.message as HttpMessage
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

  /** The head of the answer is here. */
  protected head(code: number, statusText: string, headers: ReplyHeaders): void {
    if (this.over) return
    const at = this.ground.parts.clock.now()
    this.code = code
    this.statusText = statusText
    this.headers = headers
    this.heardAt = at
    if (code === gatewayTimeout && this.call.isOutOfTime(at)) {
      this.#outcome = expired(this.call, at)
      this.discard()
      this.#give(this.#outcome)
      return
    }
    this.#outcome = new Outcome(this.call, this.ground.verdicts.of(code, headers), {
      reply: this,
      error: null,
      code: '',
      at,
      retryAfterMs: code < 400 ? -1 : retryAfterMs(headers),
      staleConnection: false,
      open: true,
    })
    // The promise is kept in a later microtask. What came with the head, perhaps the whole body, has arrived by then.
    this.#give(this.#outcome)
  }

  /** Some of the body is here. */
  protected chunk(bytes: Uint8Array): void {
    if (this.over) return
    if (this.#discarding) {
      this.#drained += bytes.byteLength
      if (this.#drained > mostDrained) this.#letGo()
      return
    }
    if (this.bucket !== null) this.heardAt = this.ground.parts.clock.now()
    this.body.push(bytes)
  }

  /** The last byte is here. */
  protected whole(): void {
    if (this.over) return
    this.body.end()
    this.#finish((this.#outcome as Outcome).verdict)
  }

  /** The answer is lost, whole or in part. */
  protected lost(loss: Loss): void {
    if (this.over) return
    const { body } = this.message
    const at = this.ground.parts.clock.now()
    const meaning = meaningOfLoss(loss, body instanceof OneShotBody && body.failure !== null)
    const outcome = this.#outcome
    if (this.#discarding) {
      this.#finish((outcome as Outcome).verdict)
      return
    }
    const verdict = outcome === null ? meaning.verdict : BROKEN
    const end =
      verdict === BROKEN && this.call.isOutOfTime(at)
        ? expired(this.call, at)
        : this.#without(verdict, at, { ...meaning, error: loss.error })
    if (outcome !== null) this.#breakOff(end)
    this.#finish(end.verdict)
    if (outcome === null) this.#give(end)
  }

  /** The call or its attempt has ended while it waited here, or while the body came. */
  cancelled(call: Call): void {
    if (this.over) return
    const end = ended(call, this.ground.parts.clock.now())
    if (this.#outcome !== null) this.#breakOff(end)
    this.#finish(end.verdict)
    if (this.#outcome === null) this.#give(end)
    this.stopWire()
  }

  discard(): void {
    if (this.over || this.#discarding) return
    this.#discarding = true
    const { call, ground } = this
    if (call.cancel === this) call.cancel = null
    for (const chunk of this.body.take()) this.#drained += chunk.byteLength
    if (this.#drained > mostDrained || Number(this.headers['content-length'] ?? 0) > mostDrained) {
      this.#letGo()
      return
    }
    const now = ground.parts.clock.now()
    ground.parts.wheel.set(this, now + longestDrainMs, now)
    this.body.resume()
  }

  /** The reader left, or was forgotten: counts for nobody. */
  abandonBody(): void {
    if (this.over) return
    this.#finish(this.#discarding ? (this.#outcome as Outcome).verdict : CANCELLED)
    this.stopWire()
  }

  override ring(): void {
    if (this.#discarding) this.#letGo()
    else this.#watchStream(this.ground.parts.clock.now())
  }

  // The discarded rest is too long or too slow.
  #letGo(): void {
    this.#finish((this.#outcome as Outcome).verdict)
    this.stopWire()
  }

  // The alarm is not set anew for every chunk: when it rings it looks when the server was last heard.
  #watchStream(now: number): void {
    const { call, ground } = this
    const { idleMs } = ground.settings.stream as StreamPolicy
    // A server that we hold back ourselves is not silent.
    if (this.body.paused) this.heardAt = now
    const silentAt = this.heardAt + idleMs
    if (now < silentAt) {
      if (silentAt !== Number.POSITIVE_INFINITY) ground.parts.wheel.set(this, silentAt, now)
      return
    }
    if (this.#outcome === null) {
      call.end(LATE)
      return
    }
    this.#breakOff(wholeOutcome(call, LATE, { code: 'LATE', at: now }))
    this.#finish(LATE)
    this.stopWire()
  }

  // What a reader gets who is within the body: the reason of the caller's own signal as it is, everything else as fetch says it.
  #breakOff(end: Outcome): void {
    const { call, message } = this
    if (end.verdict === CANCELLED && message.leaveReason !== undefined) this.body.fail(message.leaveReason)
    else {
      const seen = { revision: message.revision, now: this.ground.parts.clock.now() }
      this.body.fail(new TypeError('terminated', { cause: callError(call, end, seen) }))
    }
  }

  #without(verdict: Verdict, at: number, why: { error: Error; code: Outcome['code']; stale: boolean }): Outcome {
    const { error, code, stale } = why
    return new Outcome(this.call, verdict, { reply: null, error, code, at, retryAfterMs: -1, staleConnection: stale, open: false })
  }

  #finish(final: Verdict): void {
    this.over = true
    this.clear()
    if (this.call.cancel === this) this.call.cancel = null
    this.#outcome?.settle(final)
  }
}
