/** Writes the answer to a poll: in pieces that all clients share, and never longer than the client takes to read. */
import type { ServerResponse } from 'node:http'
import type { PieceOfAnswer } from '../document/document.ts'
import { gzipJoined } from '../document/gzip-join.ts'
import { Part } from '../document/part.ts'
import type { PollReply } from '../document/poll.ts'
import { unpooled } from '../document/unpooled.ts'
import type { RequestProblem } from './problem.ts'

/** How the answer is written. */
export interface PollResponseOptions {
  readonly takesGzip: boolean
  readonly onSent: (bytes: number) => void
}

// A client that takes nothing for so long is cut off: its answer is held in memory until it is read. Node.js looks twice, and cuts after one to two of these.
const stalledMs = 15_000
// Up to here one copy is cheaper than several writes; beyond, pieces go as they are and are shared by all who read slowly.
const worthCopying = 65_536

/** One poll's answer on an HTTP response. */
export class PollResponse implements PollReply {
  readonly #response: ServerResponse
  readonly #options: PollResponseOptions

  constructor(response: ServerResponse, options: PollResponseOptions) {
    this.#response = response
    this.#options = options
  }

  document(pieces: readonly PieceOfAnswer[]): void {
    const whole = joined(pieces)
    const isZipped = this.#options.takesGzip && whole.some((piece) => piece instanceof Part && piece.isLarge)
    const buffers = isZipped ? gzipJoined(whole) : whole.map((piece) => (piece instanceof Part ? piece.bytes : piece))
    const length = buffers.reduce((sum, { length }) => sum + length, 0)
    this.#options.onSent(length)
    const coding = isZipped ? ['content-encoding', 'gzip'] : []
    const headers = ['content-type', 'application/json', 'content-length', String(length), 'cache-control', 'no-store', ...coding]
    this.#end(200, headers, length <= worthCopying ? [unpooled(buffers)] : buffers)
  }

  nothing(version: string | null): void {
    this.#end(204, version === null ? [] : ['zerohop-version', version], [])
  }

  /** Answers with a problem. */
  refuse({ status, headers, body }: RequestProblem): void {
    const text = Buffer.from(JSON.stringify(body))
    const own = ['content-type', 'application/json; charset=utf-8', 'content-length', String(text.length)]
    this.#end(status, [...own, ...Object.entries(headers).flat()], [text])
  }

  #end(status: number, headers: readonly string[], buffers: readonly Buffer[]): void {
    const response = this.#response
    if (response.destroyed || response.writableEnded) return
    // Taken off again by the server itself when the answer is out.
    response.socket?.setTimeout(stalledMs)
    response.writeHead(status, [...headers])
    response.cork()
    for (const buffer of buffers) response.write(buffer)
    response.end()
    response.uncork()
  }
}

/** The same with neighbouring texts joined and encoded. */
function joined(pieces: readonly PieceOfAnswer[]): (Part | Buffer)[] {
  const whole: (Part | Buffer)[] = []
  let text = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece
      continue
    }
    whole.push(Buffer.from(text), piece)
    text = ''
  }
  if (text !== '') whole.push(Buffer.from(text))
  return whole
}
