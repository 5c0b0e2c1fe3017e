/** A call of a method that nobody serves: it passes the inbound stack like any other, for it is counted, and strangers learn nothing by it. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { status as Status } from '@grpc/grpc-js'
import { CANCELLED, type Call, ended, type MeshParts, type Outcome, wholeOutcome } from '@zerohop/mesh-core/transport'
import { statusVerdict } from '../status-verdict.ts'
import { errorStatus, type MeshStatus, refusalStatus, servedStatus, trailersOnly } from './mesh-status.ts'
import { requestHeader } from './request-header.ts'

/** What grpc-js would answer by itself, without asking an interceptor. */
export class UnknownMethod {
  readonly #parts: MeshParts
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  #answered = false

  constructor(parts: MeshParts, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#parts = parts
    this.#stream = stream
    this.#headers = headers
    // What fails ends with 'close', too.
    stream.on('error', () => {})
  }

  /** Sends the call down the inbound stack and sees to the answer. */
  async serve(call: Call, send: (call: Call) => Promise<Outcome>): Promise<void> {
    this.#stream.once('close', () => call.end(CANCELLED))
    const { log, service } = this.#parts
    try {
      const outcome = await send(call)
      if (!this.#answered) this.#answer(refusalStatus(outcome, service))
    } catch (error) {
      // A Send does not reject: this is a fault of the mesh, and must cost one call at most.
      log.error(`${service}: a call of a method that nobody serves failed in the mesh: ${String(error)}`)
      this.#answer(errorStatus('HANDLER_FAILED', service))
    }
  }

  run(call: Call): Promise<Outcome> {
    const at = this.#parts.clock.now()
    if (call.ending !== 0) return Promise.resolve(ended(call, at))
    const code = Status.UNIMPLEMENTED
    this.#answer({ code, details: `The server does not implement the method ${call.path.slice(0, 200)}`, trailers: {} })
    return Promise.resolve(wholeOutcome(call, statusVerdict(code), { reply: servedStatus(code), at }))
  }

  header(name: string): string | null {
    return requestHeader(this.#headers, name)
  }

  #answer(status: MeshStatus): void {
    this.#answered = true
    if (!this.#stream.closed) this.#stream.respond(trailersOnly(status), { endStream: true })
  }
}
