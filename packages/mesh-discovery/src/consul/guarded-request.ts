/** What the package's requests lack: an end for an answer that is cut off or grows without end, a limit for connecting, and sockets that keep no process alive. */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { Socket } from 'node:net'

interface Transport {
  request(options: RequestOptions): ClientRequest
}

/** One request on its way through the package's extensions. */
interface Underway {
  transport: Transport
}

/** The part of the package's client by which it is extended; its types leave it out. */
export interface PapiRequest {
  _ext(event: 'onRequest', extend: (request: Underway, next: () => void) => void): void
}

// The health of 10,000 instances has 12 MB.
const mostBytes = 64 * 1_048_576
// An agent that does not take a connection within this is not there; the next one may be.
const connectMs = 2000

/** An extension for every request of a client. */
export function guarded(request: Underway, next: () => void): void {
  const { transport } = request
  request.transport = { request: (options) => guard(transport.request(withoutBrackets(options))) }
  next()
}

// As a URL has it, an IPv6 host stands in brackets; node looks that up as a name.
function withoutBrackets(options: RequestOptions): RequestOptions {
  return { ...options, hostname: options.hostname?.replace(/^\[|\]$/g, '') ?? null }
}

function guard(sent: ClientRequest): ClientRequest {
  // The package hears of an end by this event alone, and ignores every one but the first.
  const end = (problem: string): void => {
    sent.destroy()
    sent.emit('error', new Error(problem))
  }
  sent.once('socket', (socket) => follow(sent, socket, () => end(`no connection within ${connectMs} ms`)))
  sent.once('response', (response: IncomingMessage) => {
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > mostBytes) end(`the answer is larger than ${mostBytes / 1_048_576} MiB`)
    })
    response.on('error', () => {})
    response.once('close', () => {
      if (!response.complete) end('the answer was cut off')
    })
  })
  return sent
}

function follow(sent: ClientRequest, socket: Socket, late: () => void): void {
  socket.unref()
  if (!socket.connecting) return
  const timer = setTimeout(late, connectMs)
  timer.unref()
  const done = (): void => clearTimeout(timer)
  socket.once('connect', done)
  sent.once('close', done)
}
