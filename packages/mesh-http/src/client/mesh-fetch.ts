/** The door for fetch: the platform's signature, over the mesh for every host that it knows. */
import type { Mesh } from '@zerohop/mesh-core'
import {
  CANCELLED,
  Call,
  callError,
  currentAmbient,
  type Destination,
  type MeshParts,
  type Outcome,
  partsOf,
  type Settler,
} from '@zerohop/mesh-core/transport'
import { tooManyCodings } from './content-coding.ts'
import { type FetchRequest, type MeshRequestInit, readRequest } from './fetch-request.ts'
import { HttpMessage } from './http-call.ts'
import type { HttpReply } from './http-reply.ts'
import { readTarget, type Target, targetOf } from './http-url.ts'
import { type HttpWire, httpWire } from './http-wire.ts'
import { MeshResponse } from './mesh-response.ts'
import { OneShotBody } from './one-shot-body.ts'
import { failed, isRedirect, mostRedirects, redirectTo, spendTime } from './redirect.ts'
import { acquaintance, type Stranger } from './stranger.ts'

/** The platform's fetch, with `init.mesh` beside what the standard knows. */
export type MeshFetch = (input: string | URL | Request, init?: MeshRequestInit) => Promise<Response>

/**
 * Makes a fetch whose requests to services of the mesh go over the mesh; all others pass through to the platform's fetch untouched.
 * A status is an answer, a 503 too. Where there was none it rejects with `TypeError: fetch failed`, whose cause is a MeshError.
 */
export function meshFetch(mesh: Mesh): MeshFetch {
  const parts = partsOf(mesh)
  const door = new Door(parts, httpWire(parts), globalThis.fetch)
  return (input, init) => door.fetch(input, init)
}

const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

class Door {
  readonly #parts: MeshParts
  readonly #wire: HttpWire
  // Taken when the door was made: whoever then puts the door in the platform's place still gets through it.
  readonly #passThrough: typeof fetch

  constructor(parts: MeshParts, wire: HttpWire, passThrough: typeof fetch) {
    this.#parts = parts
    this.#wire = wire
    this.#passThrough = passThrough
  }

  async fetch(input: string | URL | Request, init: MeshRequestInit | undefined): Promise<Response> {
    const target = targetOfInput(input)
    const startedAt = this.#parts.clock.now()
    const known = this.#destination(target)
    const destination = known === null && target !== null ? await this.#meet(target, { host: target.host, input, init, startedAt }) : known
    if (destination === null) return this.#passThrough(input, init as RequestInit)
    const request = readRequest(target as Target, input, init)
    if (request.signal?.aborted) {
      if (request.body instanceof OneShotBody) request.body.close()
      throw request.signal.reason
    }
    const reply = await this.#send(request, destination, startedAt)
    if (reply.code < 300 || reply.code > 308 || request.redirect === 'manual') return responseTo(request, reply, false)
    return this.#follow(request, reply, startedAt)
  }

  /**
   * Where requests to `target` go in; null where they pass through: an https URL asks for a TLS of its own, which no endpoint of the mesh
   * must quietly take away.
   */
  #destination(target: Target | null): Destination | null {
    return target === null || target.secure || this.#parts.disabled ? null : this.#parts.destination(target.host, this.#wire)
  }

  /**
   * The destination of a host that may be known in a moment.
   * @throws TypeError 'fetch failed' where only registered services may be called
   */
  async #meet(target: Target, stranger: Stranger): Promise<Destination | null> {
    if (target.secure || this.#parts.disabled) return null
    const soon = acquaintance(this.#parts, stranger)
    if (soon !== null) await soon
    const destination = soon === null ? null : this.#destination(target)
    const error = destination === null ? this.#parts.strangerError(target.host) : null
    if (error !== null) throw failed(error)
    return destination
  }

  async #send(request: FetchRequest, destination: Destination, startedAt: number): Promise<HttpReply> {
    const { method, headers, options, signal, body } = request
    const message = new HttpMessage(request.target, request, destination.revision)
    const call = new Call({
      service: destination.service,
      method,
      path: request.target.path,
      kind: 'unary',
      message,
      replayable: true,
      idempotent: options.idempotent ?? (safe.has(method) || headers.hasIdempotencyKey),
    })
    call.startedAt = startedAt
    call.timeoutMs = request.timeoutMs
    call.once = options.once
    call.ambient = currentAmbient()
    const departure = signal === null && !(body instanceof OneShotBody) ? null : new Departure(call, message, signal)
    const outcome = await destination.send(call)
    if (departure !== null) {
      outcome.whenSettled(departure, 0)
      if (signal?.aborted) {
        outcome.reply?.discard()
        throw signal.reason
      }
    }
    if (outcome.reply === null) throw this.#failure(call, outcome, destination)
    return outcome.reply as HttpReply
  }

  #failure(call: Call, outcome: Outcome, destination: Destination): TypeError {
    const { body } = call.message as HttpMessage
    if (body instanceof OneShotBody && body.failure !== null) return new TypeError('fetch failed', { cause: body.failure.error })
    return failed(callError(call, outcome, { revision: destination.revision, now: this.#parts.clock.now() }))
  }

  /** Goes where the answers say, over the mesh or beside it as each host demands, until one of them is meant for the caller. */
  async #follow(request: FetchRequest, first: HttpReply, startedAt: number): Promise<Response> {
    let answer: HttpReply | Response = first
    let hopAt = startedAt
    for (let count = 0; ; count++) {
      const code = answer instanceof Response ? answer.status : answer.code
      const location = locationOf(answer)
      if (!isRedirect(code, location)) {
        return answer instanceof Response ? markRedirected(answer) : responseTo(request, answer, count > 0)
      }
      if (answer instanceof Response) void answer.body?.cancel()
      else answer.discard()
      if (request.redirect === 'error') throw failed('unexpected redirect')
      if (count === mostRedirects) throw failed('redirect count exceeded')
      redirectTo(request, code, location)
      const { target } = request
      const now = this.#parts.clock.now()
      spendTime(request, now - hopAt)
      hopAt = now
      const stranger = { host: target.host, input: target.href, init: { signal: request.signal }, startedAt: now }
      const destination = this.#destination(target) ?? (await this.#meet(target, stranger))
      answer = destination === null ? await this.#sendBeside(request) : await this.#send(request, destination, now)
    }
  }

  /** One hop to a host that the mesh does not know. */
  #sendBeside(request: FetchRequest): Promise<Response> {
    return this.#passThrough(request.target.href, {
      method: request.method,
      headers: request.headers.pairs(),
      body: request.body as BodyInit | null,
      signal: request.signal,
      redirect: 'manual',
    })
  }
}

function locationOf(answer: HttpReply | Response): string | null {
  if (answer instanceof Response) return answer.headers.get('location')
  const location = answer.headers['location']
  return location === undefined ? null : [location].flat().join(', ')
}

function markRedirected(response: Response): Response {
  return Object.defineProperty(response, 'redirected', { value: true })
}

function targetOfInput(input: string | URL | Request): Target | null {
  if (typeof input === 'string') return readTarget(input)
  if (input instanceof URL) return targetOf(input)
  return readTarget(input instanceof Request ? input.url : `${input}`)
}

function responseTo(request: FetchRequest, reply: HttpReply, redirected: boolean): Response {
  const coding = reply.headers['content-encoding']
  if (coding !== undefined && tooManyCodings(coding)) {
    reply.discard()
    throw failed('content-encoding: the answer names more codings than fetch undoes')
  }
  return new MeshResponse(reply, { url: request.target.href, redirected, method: request.method })
}

/** Watches for a caller who leaves, from the door to the last byte of the answer. */
class Departure implements Settler, EventListenerObject {
  readonly #call: Call
  readonly #message: HttpMessage
  readonly #signal: AbortSignal | null

  constructor(call: Call, message: HttpMessage, signal: AbortSignal | null) {
    this.#call = call
    this.#message = message
    this.#signal = signal
    signal?.addEventListener('abort', this)
  }

  handleEvent(): void {
    this.#message.leaveReason = this.#signal?.reason
    this.#call.end(CANCELLED)
  }

  settled(): void {
    this.#signal?.removeEventListener('abort', this)
    if (this.#message.body instanceof OneShotBody) this.#message.body.close()
  }
}
