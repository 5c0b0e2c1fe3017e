/** What is told of a request is told under its Ambient, and what becomes of its response is told to its exchange. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Ambient, runUnder } from '@zerohop/mesh-core/transport'

// All of this is kept in fields, and done by functions that all requests share. V8 makes a function that is assigned to a field where it keeps what
// lives long, and so it does with the list of a second listener for one event: each would keep its request in memory, with all that hangs on it, until
// the next full collection, and the small ones before that would copy it. Hence no listener for 'finish', to which node listens already.

/** Whoever follows a response. */
export interface ResponseWatcher {
  /** It was sent, or never will be whole. */
  responseClosed(): void
}

const watcher = Symbol('zerohop.response-watcher')

interface WatchedResponse extends ServerResponse {
  [watcher]: ResponseWatcher
}

/** Tells `by` when `response` has closed. */
export function watchResponse(response: ServerResponse, by: ResponseWatcher): void {
  const watched = response as WatchedResponse
  watched[watcher] = by
  watched.on('close', responseClosed)
}

function responseClosed(this: WatchedResponse): void {
  this[watcher].responseClosed()
}

const ambientOf = Symbol('zerohop.ambient')
const emitOf = Symbol('zerohop.emit')

type Emit = (...args: unknown[]) => boolean

interface CarriedRequest extends IncomingMessage {
  [ambientOf]: Ambient
  [emitOf]: Emit
}

/**
 * Listeners of a request run in the context of the connection, where the async context of this request is unknown: an outbound call made from an
 * 'end' listener would inherit nothing. From now on they run under `ambient`.
 */
export function carryAmbient(request: IncomingMessage, ambient: Ambient): void {
  const carried = request as CarriedRequest
  carried[ambientOf] = ambient
  carried[emitOf] = request.emit as Emit
  // An own property, since frameworks replace the prototype.
  carried.emit = emitUnderAmbient as Emit
}

function emitUnderAmbient(this: CarriedRequest, ...args: unknown[]): boolean {
  return runUnder(this[ambientOf], () => this[emitOf](...args))
}
