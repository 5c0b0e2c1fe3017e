/** Asks the control API: stays with an address that works, goes on to the next one where it does not. */
import type { Clock } from '../kernel/clock.ts'
import { problemSchema } from '../policy/exchange.ts'
import { ControlFailure } from './control-failure.ts'
import type { ControlHttp, ControlReply, ControlRequest, SecureGround } from './control-http.ts'
import { type ControlTrust, unchecked } from './control-trust.ts'
import { pinIn, rootsPath } from './pinned-roots.ts'

export interface ControlClientOptions {
  /** Origins such as `https://control:7443`, in the order in which they are tried. */
  readonly addresses: readonly string[]
  /** Asked anew for every request, so that a token may be turned over; null for none. */
  readonly token: (() => string) | null
  readonly http: ControlHttp
  /** Whom to believe at `https:` addresses. */
  readonly trust: ControlTrust
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
  /** The token goes along though this process shows a certificate. Default false: the certificate takes its place. */
  readonly withToken?: boolean
}

/** An answer with a good status, and who gave it. */
export interface ControlAnswer extends ControlReply {
  readonly address: string
}

/**
 * True for the codes with which a certificate is not renewed any more: the token with which its line began was taken back, or nobody knows that token
 * and the root is turned over.
 */
export function isEndOfLine(code: string): boolean {
  return code === 'revoked_token' || code === 'unknown_line'
}

const longestMessage = 300
const whomToBelieve = ' (whom to believe there is said by the option `controlCa`, or by the fingerprint at the end of a token)'

/** One per mesh. */
export class ControlClient {
  readonly #options: ControlClientOptions
  #at = 0
  /** Whether the token goes along where this process shows a certificate. One that is spent must not; without it, a proxy in between that ends TLS would leave nobody to be known by. */
  #sendsTokenToo = false

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
    const { signal, limitMs, method, path, body, withToken = false } = question
    const stop = new AbortController()
    const leave = (): void => stop.abort(signal?.reason)
    const timer = clock.setTimer(limitMs, () => stop.abort(new ControlFailure('timeout', `no whole answer within ${limitMs} ms`)))
    signal?.addEventListener('abort', leave)
    if (signal?.aborted === true) leave()
    let token = ''
    let isProved = false
    try {
      const ground = await this.#ground(address, stop.signal)
      isProved = ground?.isProved === true
      token = isProved && !this.#sendsTokenToo && !withToken ? '' : this.#token()
      const headers = headersOf(token, body)
      const text = body === undefined ? '' : JSON.stringify(body)
      const reply = await unlessStopped(
        http.exchange({ method, url: address + path, headers, body: text, signal: stop.signal, ground }),
        stop.signal,
      )
      refuseUnlessGood(reply)
      return { ...reply, address }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      this.moveOn(address)
      const failure = asFailure(error, address, token)
      if (failure.reason === 'untrusted') this.#options.trust.doubt()
      // The end of a line says nothing of who was known by what: the certificate stays good for everything but its own renewal.
      const isNoMoreRenewed = token === '' && isEndOfLine(failure.code)
      if (failure.status === 401 && isProved && !withToken && !isNoMoreRenewed) this.#sendsTokenToo = !this.#sendsTokenToo
      throw failure
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', leave)
    }
  }

  /** How to speak to an address; a token that names a root is told to nobody before that root has been seen there. */
  async #ground(address: string, signal: AbortSignal): Promise<SecureGround | null> {
    const { trust, http } = this.#options
    if (!address.startsWith('https:')) return null
    if (trust.needsRoots(() => pinIn(this.#token()))) {
      const question = {
        method: 'GET',
        url: address + rootsPath,
        headers: headersOf('', undefined),
        body: '',
        signal,
        ground: unchecked,
      } as const
      const { status, body } = await unlessStopped(http.exchange(question), signal)
      // Not the status of the answer that was asked for: anybody may have said it.
      if (status !== 200)
        throw new ControlFailure('untrusted', `it tells no roots (${status}), where the token names one by its fingerprint`)
      trust.introduce(body, pinIn(this.#token()))
    }
    return trust.ground
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
    throw new ControlFailure('redirect', `the answer is a redirect${location}, which is not followed`, { status })
  }
  const said = problemIn(body)
  throw new ControlFailure(
    status === 401 || status === 403 ? 'token' : 'status',
    `the answer is ${status}${said === null ? '' : `: ${said.code}: ${said.message}`}`,
    { status, code: said?.code ?? '' },
  )
}

/** null for an answer that is not in the words of a control API. */
function problemIn(body: Buffer): { readonly code: string; readonly message: string } | null {
  try {
    return problemSchema.parse(JSON.parse(body.toString('utf8'))).error
  } catch {
    return null
  }
}

function asFailure(error: unknown, address: string, token: string): ControlFailure {
  const reason = error instanceof ControlFailure ? error.reason : isDisbelief(error) ? 'untrusted' : 'unreachable'
  const answer = error instanceof ControlFailure ? error : {}
  const text = error instanceof Error ? error.message || ((error as NodeJS.ErrnoException).code ?? error.name) : String(error)
  const hint = reason === 'untrusted' && !(error instanceof ControlFailure) ? whomToBelieve : ''
  const plain = (token === '' ? text : text.replaceAll(token, '***')).replace(/\p{Cc}/gu, ' ')
  return new ControlFailure(reason, `${address}: ${plain.slice(0, longestMessage)}${hint}`, answer)
}

// As OpenSSL names what it finds in a chain, and node a name that is another.
function isDisbelief(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_|ERR_TLS_CERT_)/.test(code)
}
