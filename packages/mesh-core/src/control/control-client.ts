/** Asks the control API: stays with an address that works, goes on to the next one where it does not. */
import type { Clock } from '../kernel/clock.ts'
import { problemSchema } from '../policy/exchange.ts'
import { ControlFailure } from './control-failure.ts'
import type { ControlHttp, ControlReply, ControlRequest } from './control-http.ts'

export interface ControlClientOptions {
  /** Origins such as `https://control:7443`, in the order in which they are tried. */
  readonly addresses: readonly string[]
  /** Asked anew for every request, so that a token may be turned over; null for none. */
  readonly token: (() => string) | null
  readonly http: ControlHttp
  readonly clock: Clock
}

/** One question. */
export interface ControlQuestion {
  readonly method: ControlRequest['method']
  readonly path: string
  /** Sent as JSON. */
  readonly body?: object
  /** The whole exchange may take so long. */
  readonly limitMs: number
  readonly signal?: AbortSignal
}

/** An answer with a good status, and who gave it. */
export interface ControlAnswer extends ControlReply {
  readonly address: string
}

const longestMessage = 300

/** One per mesh. */
export class ControlClient {
  readonly #options: ControlClientOptions
  #at = 0

  constructor(options: ControlClientOptions) {
    this.#options = options
  }

  /** The address that is asked next. */
  get address(): string {
    return this.#options.addresses[this.#at] as string
  }

  /** How many addresses there are. */
  get size(): number {
    return this.#options.addresses.length
  }

  /** What `address` said cannot be used: the next one is asked from now on. Others who heard it from the same address have moved on already. */
  moveOn(address: string): void {
    if (address === this.address) this.#at = (this.#at + 1) % this.size
  }

  /** Asks the address of the moment once. @throws ControlFailure, or the signal's reason where the asker gave up */
  async ask(question: ControlQuestion): Promise<ControlAnswer> {
    const { address } = this
    const { http, clock } = this.#options
    const { signal, limitMs, method, path, body } = question
    const stop = new AbortController()
    const leave = (): void => stop.abort(signal?.reason)
    const timer = clock.setTimer(limitMs, () => stop.abort(new ControlFailure('timeout', `no whole answer within ${limitMs} ms`)))
    signal?.addEventListener('abort', leave)
    if (signal?.aborted === true) leave()
    let token = ''
    try {
      token = this.#token()
      const headers = headersOf(token, body)
      const text = body === undefined ? '' : JSON.stringify(body)
      const reply = await unlessStopped(
        http.exchange({ method, url: address + path, headers, body: text, signal: stop.signal }),
        stop.signal,
      )
      refuseUnlessGood(reply)
      return { ...reply, address }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      this.moveOn(address)
      throw asFailure(error, address, token)
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', leave)
    }
  }

  #token(): string {
    const { token } = this.#options
    if (token === null) return ''
    try {
      const text = token()
      if (typeof text === 'string' && /^[\x21-\x7e]{1,4096}$/.test(text)) return text
    } catch {
      // What it threw may hold what it was about to return.
    }
    throw new ControlFailure('token', 'the function given as `token` returned no token')
  }
}

function headersOf(token: string, body: object | undefined): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json', 'accept-encoding': 'gzip' }
  if (token !== '') headers.authorization = `Bearer ${token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  return headers
}

// The edge should see to it; a question must end on time even where it does not.
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
    if (signal.aborted) reject(signal.reason)
  })
}

function refuseUnlessGood({ status, headers, body }: ControlReply): void {
  if (status >= 200 && status < 300) return
  if (status >= 300 && status < 400) {
    const location = headers.location === undefined ? '' : ' to another address'
    throw new ControlFailure('redirect', `the answer is a redirect${location}, which is not followed`, status)
  }
  const said = problemIn(body)
  throw new ControlFailure(
    status === 401 || status === 403 ? 'token' : 'status',
    `the answer is ${status}${said === '' ? '' : `: ${said}`}`,
    status,
  )
}

function problemIn(body: Buffer): string {
  try {
    const { error } = problemSchema.parse(JSON.parse(body.toString('utf8')))
    return `${error.code}: ${error.message}`
  } catch {
    return ''
  }
}

function asFailure(error: unknown, address: string, token: string): ControlFailure {
  const reason = error instanceof ControlFailure ? error.reason : 'unreachable'
  const status = error instanceof ControlFailure ? error.status : 0
  const text = error instanceof Error ? error.message || ((error as NodeJS.ErrnoException).code ?? error.name) : String(error)
  const plain = (token === '' ? text : text.replaceAll(token, '***')).replace(/\p{Cc}/gu, ' ')
  return new ControlFailure(reason, `${address}: ${plain.slice(0, longestMessage)}`, status)
}
