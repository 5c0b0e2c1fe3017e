/** The header list of a request: the caller's headers checked once, and what fetch adds to them. */
import type { Target } from './http-url.ts'

/** The header fields that mean something to the door, by the bit under which it remembers having seen them. */
const ACCEPT = 1
const ACCEPT_LANGUAGE = 2
const ACCEPT_ENCODING = 4
const USER_AGENT = 8
const CONTENT_TYPE = 16
const CONDITIONAL = 32
const RANGE = 64
const CACHE_CONTROL = 128
const PRAGMA = 256
const IDEMPOTENCY_KEY = 512
const TRACEPARENT = 1024
const TRACESTATE = 2048
const BAGGAGE = 4096
// Written by the mesh or by the protocol: what the caller put there is dropped.
const DROPPED = 8192
// What would change the framing of the message: refused, as the platform's fetch refuses it.
const REFUSED = 16384

const known: ReadonlyMap<string, number> = new Map([
  ['accept', ACCEPT],
  ['accept-language', ACCEPT_LANGUAGE],
  ['accept-encoding', ACCEPT_ENCODING],
  ['user-agent', USER_AGENT],
  ['content-type', CONTENT_TYPE],
  ['if-modified-since', CONDITIONAL],
  ['if-none-match', CONDITIONAL],
  ['if-unmodified-since', CONDITIONAL],
  ['if-match', CONDITIONAL],
  ['if-range', CONDITIONAL],
  ['range', RANGE],
  ['cache-control', CACHE_CONTROL],
  ['pragma', PRAGMA],
  ['idempotency-key', IDEMPOTENCY_KEY],
  ['traceparent', TRACEPARENT],
  ['tracestate', TRACESTATE],
  ['baggage', BAGGAGE],
  ['host', DROPPED],
  ['sec-fetch-mode', DROPPED],
  ['zerohop-timeout', DROPPED],
  ['zerohop-attempt', DROPPED],
  ['zerohop-refused', DROPPED],
  ['transfer-encoding', REFUSED],
  ['keep-alive', REFUSED],
  ['upgrade', REFUSED],
  ['expect', REFUSED],
])

const token = /^[!#$%&'*+.^`|~\w-]+$/
const value = /^[\t\x20-\x7e\x80-\xff]*$/
const edges = /^[\t\r\n ]+|[\t\r\n ]+$/g

/** The caller's headers as one flat list of names and values, with a note of those that matter. */
export class RequestHeaders {
  /** Names and values in turn. */
  readonly list: string[] = []
  /** The caller's own trace context; '' for none. It goes on the wire only where the mesh has none. */
  traceparent = ''
  tracestate = ''
  #seen = 0

  /** @throws TypeError naming the header that is none */
  constructor(init: RequestInit['headers']) {
    if (init === undefined || init === null) return
    if (Array.isArray(init) || Symbol.iterator in Object(init)) {
      // Everything that is no plain record takes the platform's way, which also combines what stands there twice.
      for (const [name, content] of new Headers(init)) this.#add(name, content)
    } else if (typeof init === 'object') {
      for (const name of Object.keys(init)) this.#add(name, (init as Record<string, string>)[name] as string)
    } else throw new TypeError(`init.headers: expected Headers, a record or a list of pairs, not ${typeof init}`)
  }

  /** True where the caller sent an `Idempotency-Key`. */
  get hasIdempotencyKey(): boolean {
    return (this.#seen & IDEMPOTENCY_KEY) !== 0
  }

  /** True where the caller sent `baggage`. */
  get hasBaggage(): boolean {
    return (this.#seen & BAGGAGE) !== 0
  }

  #add(name: string, given: string): void {
    if (!token.test(name)) throw new TypeError(`init.headers: ${JSON.stringify(name)} is no header name`)
    const content = trimmed(`${given}`)
    if (!value.test(content)) throw new TypeError(`init.headers: the value of ${name} has a character that no header may have`)
    const bit = known.get(name.toLowerCase()) ?? 0
    if (bit === REFUSED) throw new TypeError(`init.headers: ${name} is set by the protocol, not by the caller`)
    this.#seen |= bit
    if (bit === TRACEPARENT) this.traceparent = content
    else if (bit === TRACESTATE) this.tracestate = content
    else if (bit !== DROPPED) this.list.push(name, content)
  }

  /** Adds the type of the body where the caller gave none. */
  describeBody(contentType: string): void {
    if (contentType !== '' && (this.#seen & CONTENT_TYPE) === 0) this.list.push('content-type', contentType)
  }

  /** Adds what the platform's fetch adds to every request. */
  complete(target: Target, mode: string, cache: string): void {
    const list = this.list
    if (this.#seen === 0 && !target.secure && mode === 'cors' && cache === 'default') {
      list.push('accept', '*/*', 'accept-language', '*', 'sec-fetch-mode', 'cors', 'user-agent', 'node', 'accept-encoding', 'gzip, deflate')
      return
    }
    this.#default(ACCEPT, 'accept', '*/*')
    this.#default(ACCEPT_LANGUAGE, 'accept-language', '*')
    list.push('sec-fetch-mode', mode)
    this.#default(USER_AGENT, 'user-agent', 'node')
    const untouched = cache === 'default' && (this.#seen & CONDITIONAL) !== 0 ? 'no-store' : cache
    if (untouched === 'no-cache') this.#default(CACHE_CONTROL, 'cache-control', 'max-age=0')
    if (untouched === 'no-store' || untouched === 'reload') {
      this.#default(PRAGMA, 'pragma', 'no-cache')
      this.#default(CACHE_CONTROL, 'cache-control', 'no-cache')
    }
    if ((this.#seen & RANGE) !== 0) this.#default(ACCEPT_ENCODING, 'accept-encoding', 'identity')
    else this.#default(ACCEPT_ENCODING, 'accept-encoding', target.secure ? 'br, gzip, deflate, zstd' : 'gzip, deflate')
  }

  /** Takes headers out, by their lower-case names. */
  remove(names: readonly string[]): void {
    for (let at = this.list.length - 2; at >= 0; at -= 2) {
      if (names.includes((this.list[at] as string).toLowerCase())) this.list.splice(at, 2)
    }
  }

  /** The list in the form that the platform's fetch takes. */
  pairs(): [string, string][] {
    const pairs: [string, string][] = []
    for (let at = 0; at < this.list.length; at += 2) pairs.push([this.list[at] as string, this.list[at + 1] as string])
    return pairs
  }

  #default(bit: number, name: string, content: string): void {
    if ((this.#seen & bit) === 0) this.list.push(name, content)
  }
}

/** A value without white space around it; a new string only where there is some. */
function trimmed(content: string): string {
  const first = content.charCodeAt(0)
  const last = content.charCodeAt(content.length - 1)
  return first <= 32 || last <= 32 ? content.replace(edges, '') : content
}
