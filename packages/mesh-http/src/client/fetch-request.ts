/** What a caller asked of fetch, checked as the standard checks it, in the form in which it travels. */
import { type CallOptions, type MeshCallOptions, readCallOptions } from './call-options.ts'
import type { Target } from './http-url.ts'
import { type RequestBody, readBody } from './request-body.ts'
import { RequestHeaders } from './request-headers.ts'

// By way of RequestInit, which the types of Node.js know: `BodyInit` and its like are a browser's alone.
type Redirect = NonNullable<RequestInit['redirect']>

/** What fetch takes, and what the mesh adds. */
export interface MeshRequestInit extends Omit<RequestInit, 'body'> {
  /** Beside what the standard names, any async iterable of bytes or strings, as the platform's fetch takes it. */
  body?: RequestInit['body'] | AsyncIterable<Uint8Array | string>
  /** 'half' where the body is a stream. */
  duplex?: 'half'
  /** What the mesh is to know of this call alone. */
  mesh?: MeshCallOptions
}

/** A request as it goes from hop to hop: a redirect may change its target, its method, its headers and its body. */
export interface FetchRequest {
  target: Target
  method: string
  readonly headers: RequestHeaders
  body: RequestBody | null
  readonly signal: AbortSignal | null
  readonly redirect: Redirect
  readonly options: CallOptions
  /** What is left of the caller's own timeout, which holds for all hops together; 0: none. */
  timeoutMs: number
}

// PATCH is not among them: the standard sends `patch` as it stands.
const normalized = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])
const forbidden = new Set(['CONNECT', 'TRACE', 'TRACK'])
const token = /^[!#$%&'*+.^`|~\w-]+$/

/**
 * Reads what fetch was called with.
 * @throws TypeError naming the field that is wrong
 */
export function readRequest(target: Target, input: unknown, init: MeshRequestInit = {}): FetchRequest {
  const given = input instanceof Request ? platformRequest(input, init) : init
  const options = readCallOptions(init.mesh)
  const method = readMethod(given.method)
  const headers = new RequestHeaders(given.headers)
  let body: RequestBody | null = null
  if (given.body !== undefined && given.body !== null) {
    if (method === 'GET' || method === 'HEAD') throw new TypeError(`init.body: a request with method ${method} cannot have a body`)
    const read = readBody(given.body, given.duplex)
    body = read.body
    headers.describeBody(read.contentType)
  }
  if (given.integrity !== undefined && given.integrity !== '') {
    throw new TypeError('init.integrity: the mesh does not verify digests; leave it out, and hash the body where it is read')
  }
  headers.complete(target, readMode(given.mode), given.cache ?? 'default')
  const { timeoutMs } = options
  return { target, method, headers, body, signal: readSignal(given.signal), redirect: readRedirect(given.redirect), options, timeoutMs }
}

// The platform's own constructor lays `init` over the Request, and takes its body over.
function platformRequest(input: Request, init: MeshRequestInit): MeshRequestInit {
  const request =
    input.body === null && Object.keys(init).every((name) => name === 'mesh') ? input : new Request(input, init as RequestInit)
  const { method, headers, body, signal, redirect, mode, cache, integrity } = request
  return { method, headers, body, signal, redirect, mode, cache, integrity, duplex: 'half' }
}

function readMethod(given: unknown): string {
  if (given === undefined || given === 'GET') return 'GET'
  const method = `${given}`
  const upper = method.toUpperCase()
  if (normalized.has(upper)) return upper
  if (!token.test(method)) throw new TypeError(`init.method: ${JSON.stringify(method)} is no HTTP method`)
  if (forbidden.has(upper)) throw new TypeError(`init.method: fetch does not send ${upper}`)
  return method
}

function readMode(given: unknown): string {
  if (given === undefined || given === 'cors') return 'cors'
  if (given === 'same-origin' || given === 'no-cors') return given
  throw new TypeError(`init.mode: expected cors, no-cors or same-origin, not ${JSON.stringify(given)}`)
}

function readSignal(given: unknown): AbortSignal | null {
  if (given === undefined || given === null) return null
  if (given instanceof AbortSignal) return given
  throw new TypeError('init.signal: expected an AbortSignal')
}

function readRedirect(given: unknown): Redirect {
  if (given === undefined || given === 'follow') return 'follow'
  if (given === 'manual' || given === 'error') return given
  throw new TypeError(`init.redirect: expected follow, manual or error, not ${JSON.stringify(given)}`)
}
