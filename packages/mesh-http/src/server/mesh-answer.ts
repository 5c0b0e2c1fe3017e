/** Answers a request in the application's place, and keeps what the application still writes off the wire. */
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import { type Clock, type ErrorCode, errorTable, refusedHeader } from '@zerohop/mesh-core/transport'

/** What is answered. */
export interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly clock: Clock
}

/** What the mesh answers. */
export interface MeshAnswer {
  readonly code: ErrorCode
  readonly status: number
  /** The service that answers. */
  readonly service: string
  /** Why the handler was not started, as `zerohop-refused` says it; '' where it was. */
  readonly refusedAs: string
  /** -1 where nothing is known. */
  readonly retryAfterMs: number
}

/** What a stream that the application pipes into the response finds there once the mesh has answered. */
export class AnsweredInstead extends Error {
  override readonly name = 'AnsweredInstead'

  constructor() {
    super('the mesh has answered in the place of the handler')
  }
}

// Whoever may not come in is told that, and nothing of what stands behind the door.
const withoutMessage: ReadonlySet<ErrorCode> = new Set(['MTLS_REQUIRED', 'FORBIDDEN'])

/** The head and body of an answer, as a list fit for `writeHead`. */
export function answerHead(answer: MeshAnswer): { headers: Record<string, string>; body: string } {
  const { code, service } = answer
  const told = withoutMessage.has(code) ? { error: code } : { error: code, message: `${service}: ${errorTable[code].sentence}` }
  const body = `${JSON.stringify(told)}\n`
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  }
  if (answer.refusedAs !== '') headers[refusedHeader] = answer.refusedAs
  if (answer.retryAfterMs >= 0) headers['retry-after'] = String(Math.ceil(answer.retryAfterMs / 1000))
  return { headers, body }
}

/**
 * Answers in the application's place. The head must not be out yet. Whatever the application does to the response afterwards has no effect,
 * and a stream that it pipes there is told so by an 'error' event, as if the caller had left.
 */
export function answerInstead(asked: Asked, answer: MeshAnswer): void {
  const { request, response } = asked
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const { headers, body } = answerHead(answer)
  const keepsConnection = isSmallBody(request)
  if (!keepsConnection) headers.connection = 'close'
  writeHead.call(response, answer.status, STATUS_CODES[answer.status] ?? '', headers)
  if (keepsConnection) response.end(body)
  else endAfterDiscarding(asked, body)
  absorb(response)
}

// 64 KiB: what a connection is worth. A body that is left over by more costs more to read than a new connection.
const maxDiscardBytes = 65_536
const maxDiscardMs = 1000

// The prototype's own: the response's is the application's, and what middleware put there is not for this answer.
const writeHead: (this: ServerResponse, status: number, reason: string, headers: Record<string, string>) => ServerResponse =
  ServerResponse.prototype.writeHead

// The prototype's own: by the time it is called, the response's has been absorbed.
const endResponse: (this: ServerResponse) => ServerResponse = ServerResponse.prototype.end

function isSmallBody(request: IncomingMessage): boolean {
  if (request.complete) return true
  if (request.headers['transfer-encoding'] !== undefined) return false
  return Number(request.headers['content-length'] ?? 0) <= maxDiscardBytes
}

// The answer is complete on the wire by its content-length, but the socket is held open while the caller may still be sending:
// closing it under unread bytes makes the kernel send a reset, and the caller would lose the answer with it.
function endAfterDiscarding({ request, response, clock }: Asked, body: string): void {
  response.write(body)
  let left = maxDiscardBytes
  const end = (): void => {
    timer.cancel()
    request.off('data', count).off('end', end).off('close', end)
    endResponse.call(response)
  }
  const count = (chunk: Buffer): void => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = clock.setTimer(maxDiscardMs, end)
  request.on('data', count).once('end', end).once('close', end)
}

const absorbed = [
  'setHeader',
  'setHeaders',
  'appendHeader',
  'removeHeader',
  'writeHead',
  'addTrailers',
  'flushHeaders',
  'writeContinue',
  'writeProcessing',
  'writeEarlyHints',
  'writeInformation',
  'end',
  // A pipeline that fails destroys its streams, and with this one the answer that is on its way.
  'destroy',
] as const

// As own properties, since frameworks (Express) replace the prototype of a response; the same for all, for one of each response's own would keep it
// in memory for long (request-context.ts).
function absorb(response: ServerResponse): void {
  const target = response as unknown as Record<string, unknown>
  for (const name of absorbed) target[name] = quietly
  target.write = write
  // With a listener of our own the event never counts as unhandled, and `pipe` does not raise it again.
  response.on('error', nothing)
  try {
    // In this tick, before 'finish': to whoever pipes into the response that would look like success.
    response.emit('error', new AnsweredInstead())
  } catch (error) {
    // A listener threw: that is the application's affair, and not that of whoever keeps the time.
    process.nextTick(() => {
      throw error
    })
  }
}

function quietly(this: ServerResponse, ...args: unknown[]): ServerResponse {
  const callback = args.at(-1)
  if (typeof callback === 'function') process.nextTick(callback as () => void)
  return this
}

// What writes more waits for 'drain', and has found the error instead.
function write(this: ServerResponse, ...args: unknown[]): boolean {
  quietly.apply(this, args)
  return false
}

function nothing(): void {}
