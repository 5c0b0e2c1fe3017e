/** One request under its handler: the bottom of the inbound stack. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  Ambient,
  acceptBaggage,
  CANCELLED,
  type Call,
  EXPIRED,
  ended,
  errorTable,
  FAULT,
  type MeshParts,
  type Outcome,
  refusalWord,
  runUnder,
  type Verdict,
  type Waiting,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { statusVerdict } from '../status-verdict.ts'
import { AnsweredInstead, type Asked, answerInstead } from './mesh-answer.ts'
import type { OpenConnection, Served } from './open-connections.ts'
import { keepRefusalWord } from './refusal-word.ts'
import { carryAmbient, type ResponseWatcher, watchResponse } from './request-context.ts'
import { requestHeader } from './request-header.ts'
import { replyOf } from './served-status.ts'

/** Anything that answers a request of node:http: a function, an Express or Connect app, Koa's callback, Fastify's routing. */
export type HttpApp = (request: IncomingMessage, response: ServerResponse) => unknown

/** What an exchange is made of. */
export interface ExchangeStart {
  readonly parts: MeshParts
  readonly app: HttpApp
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: OpenConnection
  /** The caller waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean
}

/** A request and its response, from the head of the one to the last byte of the other. */
export class Exchange implements Waiting, Served, ResponseWatcher {
  readonly #parts: MeshParts
  readonly #app: HttpApp
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #connection: OpenConnection
  readonly #expectsContinue: boolean
  #call: Call | null = null
  #ambient: Ambient | null = null
  #resolve: ((outcome: Outcome) => void) | null = null

  constructor(start: ExchangeStart) {
    this.#parts = start.parts
    this.#app = start.app
    this.#request = start.request
    this.#response = start.response
    this.#connection = start.connection
    this.#expectsContinue = start.expectsContinue
    this.#connection.served.add(this)
    watchResponse(this.#response, this)
  }

  /** Sends the call down the inbound stack and sees to the answer. */
  async serve(call: Call, send: (call: Call) => Promise<Outcome>): Promise<void> {
    this.#call = call
    try {
      const outcome = await send(call)
      if (this.#ambient === null) this.#refuse(outcome)
    } catch (error) {
      // A Send does not reject: this is a fault of the mesh, and must cost one request at most.
      this.#failed(error)
    }
  }

  /** The bottom: runs the handler, and resolves once the response has ended one way or another. */
  run(call: Call): Promise<Outcome> {
    if (call.ending !== 0) return Promise.resolve(ended(call, this.#parts.clock.now()))
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#resolve = resolve
    const ambient = new Ambient(call.trace, acceptBaggage(this.#request.headers.baggage), call.deadlineAt)
    ambient.caller = this.#connection.caller
    this.#ambient = ambient
    call.cancel = this
    keepRefusalWord(this.#response)
    carryAmbient(this.#request, ambient)
    const { span } = call
    try {
      if (this.#expectsContinue) this.#response.writeContinue()
      runUnder(ambient, () => (span === null ? handle(this) : span.run(handle, this)))
    } catch (error) {
      // The handler's own errors are caught below: this one is the tracing library's, and must not cost the place that this request holds.
      this.#failed(error)
    }
    return promise
  }

  cancelled(call: Call): void {
    const outcome = ended(call, this.#parts.clock.now())
    this.#end(outcome, call.ending === EXPIRED ? EXPIRED : CANCELLED)
    // Without a caller there is nobody to answer.
    if (call.ending !== EXPIRED || this.#response.destroyed) return
    if (this.#response.headersSent) this.#connection.cut()
    else this.#answer(outcome, 504, '')
  }

  left(): void {
    this.#connection.release(this)
    const call = this.#call
    if (call === null || this.#response.writableFinished) return
    // Node marks the response as destroyed after this; where it is already, the application has done it.
    if (this.#response.destroyed && this.#resolve !== null) this.#end(this.#outcome(FAULT, 'HANDLER_FAILED', null), CANCELLED)
    call.end(CANCELLED)
  }

  responseClosed(): void {
    // Else the caller has left, and the connection says so.
    if (!this.#response.writableFinished) return
    this.#connection.release(this)
    if (this.#resolve === null) return
    // Over before the outcome travels up: a layer above may begin work of its own.
    this.#ambient?.finish()
    this.#settle(this.#outcome(statusVerdict(this.#response.statusCode), '', null))
  }

  makeLast(): void {
    if (!this.#response.headersSent) this.#response.shouldKeepAlive = false
  }

  /** A header of the request, for the rules of a policy. */
  header(name: string): string | null {
    return requestHeader(this.#request, name)
  }

  /** Hands the request to the application. */
  handle(): void {
    try {
      const returned = this.#app(this.#request, this.#response)
      if (isThenable(returned)) returned.then(undefined, (error) => this.#failed(error))
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (error instanceof AnsweredInstead) return
    const { log, service } = this.#parts
    const path = this.#request.url?.split('?', 1)[0] ?? ''
    const when = this.#response.writableEnded ? ' after answering' : this.#response.headersSent ? ' while answering' : ''
    log.error(`${service}: the handler failed${when} for ${this.#request.method} ${path.slice(0, 200)}: ${describe(error)}`)
    if (this.#response.writableEnded) return
    const outcome = this.#outcome(FAULT, 'HANDLER_FAILED', error instanceof Error ? error : new Error(String(error)))
    this.#end(outcome, CANCELLED)
    if (this.#response.destroyed) return
    if (this.#response.headersSent) this.#connection.cut()
    else answerInstead(this.#asked(), { code: 'HANDLER_FAILED', status: 500, service, refusedAs: '', retryAfterMs: -1 })
  }

  #refuse(outcome: Outcome): void {
    if (outcome.verdict === CANCELLED || this.#response.destroyed) return
    const code = outcome.code === '' ? 'HANDLER_FAILED' : outcome.code
    const status = outcome.reply === null ? errorTable[code].http : Number(outcome.reply.status)
    this.#answer(outcome, status, refusalWord(code))
  }

  #answer(outcome: Outcome, status: number, refusedAs: string): void {
    const { service } = this.#parts
    const code = outcome.code === '' ? 'HANDLER_FAILED' : outcome.code
    answerInstead(this.#asked(), { code, status, service, refusedAs, retryAfterMs: outcome.retryAfterMs })
  }

  #asked(): Asked {
    return { request: this.#request, response: this.#response, clock: this.#parts.clock }
  }

  #end(outcome: Outcome, why: typeof EXPIRED | typeof CANCELLED): void {
    this.#ambient?.giveUp(why, this.#parts.clock.now())
    this.#settle(outcome)
  }

  #settle(outcome: Outcome): void {
    const resolve = this.#resolve
    if (resolve === null) return
    this.#resolve = null
    if (this.#call?.cancel === this) this.#call.cancel = null
    resolve(outcome)
  }

  #outcome(verdict: Verdict, code: 'HANDLER_FAILED' | '', error: Error | null): Outcome {
    const reply = this.#response.headersSent ? replyOf(this.#response.statusCode) : null
    const at = this.#parts.clock.now()
    return wholeOutcome(this.#call as Call, verdict, { reply, error, code, at })
  }
}

function handle(exchange: Exchange): void {
  exchange.handle()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
