/** One call under its handler, of whichever of the four kinds: the bottom of the inbound stack. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { status as Status } from '@grpc/grpc-js'
import {
  Ambient,
  acceptBaggage,
  CANCELLED,
  type Call,
  type Caller,
  type ErrorCode,
  EXPIRED,
  ended,
  FAULT,
  type Inbound,
  type MeshParts,
  type Outcome,
  runUnder,
  type Verdict,
  type Waiting,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { statusVerdict } from '../status-verdict.ts'
import type { HandlerWatcher, InterceptingCall, InterceptingListener, Streams } from './grpc-host.ts'
import { HandlerScope, type ScopedCall } from './handler-scope.ts'
import { errorStatus, refusalStatus, servedStatus, statusObject, withoutRefusalWord } from './mesh-status.ts'
import { type EndedCall, type Fields, RelayedCall } from './relayed-call.ts'
import { requestHeader } from './request-header.ts'

/** What a served call is made of. */
export interface ServedCallStart {
  readonly parts: MeshParts
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  /** grpc-js' call, below. */
  readonly wire: InterceptingCall
  readonly streams: Streams
  /** null over plaintext. */
  readonly caller: Caller | null
  readonly inbound: Inbound
  /** Makes the call of the mesh that stands for this one. */
  readonly callOf: (message: ServedCall) => Call
}

/**
 * Stands between grpc-js' call below, which is the wire, and its listener above, which is the handler. The handler begins once the inbound
 * stack has let the call through, and whatever it is told it is told under the call's Ambient (`HandlerScope`).
 */
export class ServedCall extends RelayedCall implements Waiting, HandlerWatcher, ScopedCall {
  readonly #parts: MeshParts
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #streams: Streams
  readonly #caller: Caller | null
  readonly #inbound: Inbound
  readonly #call: Call
  #handler: InterceptingListener | null = null
  #scope: HandlerScope | null = null
  #ambient: Ambient | null = null
  #resolve: ((outcome: Outcome) => void) | null = null
  // The handler has said how the call ends; grpc-js sends the status for it once the one message is on its way.
  #answered = false
  #failure: Error | null = null

  constructor(start: ServedCallStart) {
    super(start.wire)
    this.#parts = start.parts
    this.#stream = start.stream
    this.#headers = start.headers
    this.#streams = start.streams
    this.#caller = start.caller
    this.#inbound = start.inbound
    this.#call = start.callOf(this)
    start.stream.once('close', () => {
      this.#over()
      this.#scope?.closed()
    })
  }

  /** The handler is ready to begin: sends the call down the inbound stack. */
  override start(handler: InterceptingListener): void {
    this.#handler = handler
    void this.#serve()
  }

  /** The bottom: starts the handler, and resolves once the status has been sent or nobody waits for it any more. */
  run(call: Call): Promise<Outcome> {
    // grpc-js, which keeps the time, too, has answered by itself, or an interceptor has: it begins nothing any more, and says so to nobody.
    const sent = sentStatus(this.#stream)
    if (sent === Status.DEADLINE_EXCEEDED && !this.#answered) call.end(EXPIRED)
    if (call.ending !== 0) return Promise.resolve(ended(call, this.#parts.clock.now()))
    if (sent !== null) return Promise.resolve(this.#outcome(statusVerdict(sent), '', sent))
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#resolve = resolve
    this.#ambient = new ServedAmbient(call, acceptBaggage(this.#headers.baggage), this)
    this.#ambient.caller = this.#caller
    call.cancel = this
    const { span } = call
    try {
      runUnder(this.#ambient, () => (span === null ? begin(this) : span.run(begin, this)))
    } catch (error) {
      // The handler's own errors are caught above: this one is the tracing library's, and must not cost the place that this call holds.
      this.#failed(error)
    }
    return promise
  }

  /** Starts the handler, in whose context this is called. */
  begin(): void {
    const { wheel, clock } = this.#parts
    this.#scope = new HandlerScope(this, this.#handler as InterceptingListener)
    if (!this.#streams.requestStream) this.#scope.awaitRequest(wheel, clock.now())
    this.wire.start(this.#scope)
  }

  cancelled(call: Call): void {
    const expired = call.ending === EXPIRED
    const blocked = this.#answered || this.#stream.writableLength > 0
    this.#end(ended(call, this.#parts.clock.now()), expired ? EXPIRED : CANCELLED)
    // Without a caller there is nobody to answer.
    if (!expired || this.#stream.closed) return
    // A status stands behind what the caller does not read.
    if (blocked) this.#stream.close(constants.NGHTTP2_CANCEL)
    else this.wire.sendStatus(statusObject(errorStatus('EXPIRED', this.#parts.service)))
  }

  /** A header of the call, for the rules of a policy. */
  header(name: string): string | null {
    return requestHeader(this.#headers, name)
  }

  handlerFailed(error: unknown, answered: boolean): void {
    // A handler that fails since its caller has left, or ran out of time, is no news.
    if (this.#call.isOver) return
    this.#report(error)
    this.#failure = error instanceof Error ? error : new Error(String(error))
    // As grpc-js answers for a handler that throws: what went wrong in here is not for the caller.
    if (!answered && !this.#answered) this.sendStatus({ code: Status.UNKNOWN, details: 'Unknown error' })
  }

  override sendMetadata(metadata: Fields): void {
    this.wire.sendMetadata(withoutRefusalWord(metadata))
  }

  override sendMessage(message: unknown, callback: () => void): void {
    // With the one message of its answer the handler has answered.
    if (!this.#streams.responseStream) this.#answered = true
    this.wire.sendMessage(message, callback)
  }

  override sendStatus(status: EndedCall): void {
    this.#answered = true
    const { metadata } = status
    this.wire.sendStatus(metadata ? { ...status, metadata: withoutRefusalWord(metadata) } : status)
  }

  endTold(): void {
    this.#over()
  }

  requestOverdue(): void {
    this.#call.end(EXPIRED)
  }

  async #serve(): Promise<void> {
    try {
      const outcome = await this.#inbound.send(this.#call)
      if (this.#ambient !== null) return
      if (outcome.verdict !== CANCELLED) this.wire.sendStatus(statusObject(refusalStatus(outcome, this.#parts.service)))
      // Interceptors of the program's have begun the call, and count on hearing of its end. grpc-js tells it to whoever listens, and nobody does yet.
      this.#handler?.onCancel()
    } catch (error) {
      // A Send does not reject: this is a fault of the mesh, and must cost one call at most.
      this.#failed(error)
    }
  }

  // The status has been sent, or never will be.
  #over(): void {
    if (this.#resolve === null) {
      if (this.#ambient === null) this.#call.end(CANCELLED)
      return
    }
    const code = sentStatus(this.#stream)
    if (code === null) this.#call.end(CANCELLED)
    else if (this.#answered) {
      // Over before the outcome travels up: a layer above may begin work of its own.
      this.#ambient?.finish()
      this.#settle(this.#failure === null ? this.#outcome(statusVerdict(code), '', code) : this.#outcome(FAULT, 'HANDLER_FAILED', code))
    }
    // grpc-js has answered by itself: it keeps the caller's deadline, too, and refuses messages that it cannot read.
    else if (code === Status.DEADLINE_EXCEEDED) this.#call.end(EXPIRED)
    else this.#end(this.#outcome(statusVerdict(code), '', code), CANCELLED)
  }

  #failed(error: unknown): void {
    this.#report(error)
    this.#failure = error instanceof Error ? error : new Error(String(error))
    this.#end(this.#outcome(FAULT, 'HANDLER_FAILED', Status.INTERNAL), CANCELLED)
    this.wire.sendStatus(statusObject(errorStatus('HANDLER_FAILED', this.#parts.service)))
  }

  #report(error: unknown): void {
    const { log, service } = this.#parts
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log.error(`${service}: the handler failed${this.#answered ? ' after answering' : ''} for ${this.#call.path.slice(0, 200)}: ${text}`)
  }

  #end(outcome: Outcome, why: typeof EXPIRED | typeof CANCELLED): void {
    this.#ambient?.giveUp(why, this.#parts.clock.now())
    this.#settle(outcome)
  }

  #settle(outcome: Outcome): void {
    const resolve = this.#resolve
    if (resolve === null) return
    this.#resolve = null
    if (this.#call.cancel === this) this.#call.cancel = null
    resolve(outcome)
  }

  #outcome(verdict: Verdict, code: ErrorCode | '', status: number): Outcome {
    const at = this.#parts.clock.now()
    return wholeOutcome(this.#call, verdict, { reply: servedStatus(status), error: this.#failure, code, at })
  }
}

/** An Ambient by which the failure of a handler finds its call. */
class ServedAmbient extends Ambient {
  readonly watcher: HandlerWatcher

  constructor(call: Call, baggage: string, watcher: HandlerWatcher) {
    super(call.trace, baggage, call.deadlineAt)
    this.watcher = watcher
  }
}

function begin(call: ServedCall): void {
  call.begin()
}

// In the trailers, or in the head where there was nothing else to send.
function sentStatus(stream: ServerHttp2Stream): number | null {
  const sent = stream.sentTrailers?.['grpc-status'] ?? stream.sentHeaders?.['grpc-status']
  return sent === undefined ? null : Number(sent)
}
