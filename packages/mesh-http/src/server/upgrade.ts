/** One connection that leaves HTTP: under the inbound stack from its request to the end of its socket. */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  Ambient,
  acceptBaggage,
  CANCELLED,
  type Call,
  type Clock,
  ended,
  errorTable,
  FAULT,
  type MeshParts,
  OK,
  type Outcome,
  refusalWord,
  runUnder,
  type Verdict,
  type Waiting,
  wholeOutcome,
} from '@zerohop/mesh-core/transport'
import { answerHead, type MeshAnswer } from './mesh-answer.ts'
import type { OpenConnection, Served } from './open-connections.ts'
import { requestHeader } from './request-header.ts'
import { replyOf } from './served-status.ts'

/** Takes over a connection, as a listener of node's 'upgrade' event does. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What an upgrade is made of. */
export interface UpgradeStart {
  readonly parts: MeshParts
  readonly handler: UpgradeHandler
  readonly request: IncomingMessage
  /** The socket, or what stands for it. Somebody listens for its errors. */
  readonly stream: Duplex
  readonly head: Buffer
  readonly connection: OpenConnection
}

/** An upgraded connection. Its deadline binds until the handler has it; from then on it lives as long as its socket. */
export class Upgrade implements Waiting, Served {
  readonly #start: UpgradeStart
  readonly #stream: Duplex
  #call: Call | null = null
  #ambient: Ambient | null = null
  #resolve: ((outcome: Outcome) => void) | null = null

  constructor(start: UpgradeStart) {
    this.#start = start
    this.#stream = start.stream
    start.connection.served.add(this)
  }

  async serve(call: Call, send: (call: Call) => Promise<Outcome>): Promise<void> {
    this.#call = call
    let outcome: Outcome
    try {
      outcome = await send(call)
    } catch (error) {
      // A Send does not reject: this is a fault of the mesh, and must cost one connection at most.
      this.#start.parts.log.error(`${call.service}: an upgrade failed in the mesh: ${String(error)}`)
      this.#stream.destroy()
      return
    }
    if (this.#ambient !== null || this.#stream.destroyed || outcome.verdict === CANCELLED) return
    const code = outcome.code === '' ? 'HANDLER_FAILED' : outcome.code
    const status = outcome.reply === null ? errorTable[code].http : Number(outcome.reply.status)
    const { service } = this.#start.parts
    const answer = { code, status, service, refusedAs: refusalWord(code), retryAfterMs: outcome.retryAfterMs }
    endPlainly(this.#stream, plainAnswer(answer), this.#start.parts.clock)
  }

  /** A header of the request, for the rules of a policy. */
  header(name: string): string | null {
    return requestHeader(this.#start.request, name)
  }

  /** The bottom: hands the socket over, and resolves when it has closed. */
  run(call: Call): Promise<Outcome> {
    if (call.ending !== 0) return Promise.resolve(ended(call, this.#start.parts.clock.now()))
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#resolve = resolve
    const { request, handler, head, parts } = this.#start
    const ambient = new Ambient(call.trace, acceptBaggage(request.headers.baggage), Number.POSITIVE_INFINITY)
    ambient.caller = this.#start.connection.caller
    this.#ambient = ambient
    call.cancel = this
    try {
      runUnder(ambient, () => handler(request, this.#stream, head))
    } catch (error) {
      parts.log.error(
        `${parts.service}: the upgrade handler failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      this.#settle(FAULT, 500)
      this.#stream.destroy()
    }
    return promise
  }

  cancelled(): void {
    this.#stream.destroy()
  }

  left(): void {
    if (this.#ambient === null) {
      this.#start.connection.release(this)
      this.#call?.end(CANCELLED)
      this.#stream.destroy()
    } else if (this.#start.connection.socket.destroyed) {
      // Only 'close' ends a connection that was handed over: a peer that has ended its side may still be answered.
      this.#start.connection.release(this)
      this.#settle(OK, 101)
    }
  }

  makeLast(): void {
    // An upgraded connection carries no second request.
  }

  #settle(verdict: Verdict, status: number): void {
    const resolve = this.#resolve
    if (resolve === null) return
    this.#resolve = null
    const call = this.#call as Call
    if (call.cancel === this) call.cancel = null
    const at = this.#start.parts.clock.now()
    this.#ambient?.giveUp(CANCELLED, at)
    const reply = replyOf(status)
    resolve(wholeOutcome(call, verdict, { reply, at }))
  }
}

/** The mesh's answer as bytes, for a socket that no longer has a parser. */
export function plainAnswer(answer: MeshAnswer): string {
  const { headers, body } = answerHead(answer)
  return plainResponse(answer.status, headers, body)
}

/** A whole response as bytes, for a socket that no longer has a parser. */
export function plainResponse(status: number, headers: Readonly<Record<string, string>>, body: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}connection: close\r\n\r\n${body}`
}

// What a peer may take to end its side, once it was told that this is the end.
const mostEndingMs = 1000

/**
 * Writes the last bytes to a socket that no longer has a parser, and sees that it closes: what still comes is thrown away, and a peer that
 * never ends is cut.
 */
export function endPlainly(socket: Duplex, bytes: string, clock: Clock): void {
  const timer = clock.setTimer(mostEndingMs, () => socket.destroy())
  socket.once('close', () => timer.cancel())
  socket.resume()
  socket.end(bytes)
}
