/** Asks Consul's agents: stays with one that answers, goes on to the next one where it does not. */
import { EventEmitter } from 'node:events'
import { Agent as PlainAgent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import Consul from 'consul'
import type { ConsulAgentOptions } from './consul-options.ts'
import { guarded, type PapiRequest } from './guarded-request.ts'

/** Consul answered with a bad status, with something unreadable, or not at all. The message begins with who was asked and holds no token. */
export class ConsulFailure extends Error {
  override readonly name = 'ConsulFailure'
  /** The status of the answer; 0 where there was none. */
  readonly status: number

  constructor(message: string, status = 0) {
    super(message)
    this.status = status
  }
}

/** What every request carries besides its own fields. */
export type CommonFields = Readonly<Record<string, unknown>>

/** One question. */
export interface ConsulQuestion {
  /** The call of the package, with these fields added to its own. */
  readonly send: (consul: Consul, common: CommonFields) => Promise<unknown>
  /** The whole exchange may take so long. */
  readonly limitMs: number
  readonly signal: AbortSignal
  /** The address of the agent to ask. Default: the one of the moment. */
  readonly at?: string
}

/** A good answer and who gave it. */
export interface ConsulAnswer {
  readonly body: unknown
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly address: string
}

const longestMessage = 300

interface KnownAgent {
  readonly address: string
  readonly consul: Consul
  readonly pool: PlainAgent
}

/** One per source and per registration. */
export class ConsulClient {
  readonly #agents: readonly KnownAgent[]
  readonly #token: (() => string) | null
  #at = 0

  constructor({ address = 'http://127.0.0.1:8500', token, tls }: ConsulAgentOptions) {
    const addresses = [...new Set([address].flat().map((one) => new URL(one).origin))]
    this.#token = token === undefined ? null : typeof token === 'function' ? token : () => token
    this.#agents = addresses.map((origin) => {
      const url = new URL(origin)
      const secure = url.protocol === 'https:'
      const pool = secure ? new SecureAgent({ keepAlive: true, ...tls }) : new PlainAgent({ keepAlive: true })
      const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
      const consul = new Consul({ host: url.hostname, port, secure, agent: pool })
      ;(consul as unknown as PapiRequest)._ext('onRequest', guarded)
      return { address: origin, consul, pool }
    })
  }

  /** How many agents there are. */
  get size(): number {
    return this.#agents.length
  }

  /** What the agent at `address` says cannot be used: the next one is asked from now on. */
  moveOn(address: string): void {
    if (this.#agents[this.#at]?.address === address) this.#at = (this.#at + 1) % this.size
  }

  /** Asks once. @throws ConsulFailure, or the signal's reason where the asker gave up */
  async ask({ send, limitMs, signal, at }: ConsulQuestion): Promise<ConsulAnswer> {
    signal.throwIfAborted()
    const { address, consul } = this.#agents.find((agent) => agent.address === at) ?? (this.#agents[this.#at] as KnownAgent)
    // The package takes no AbortSignal; this is its way to be told, and to be asked for the head of the answer.
    const context = Object.assign(new EventEmitter(), { includeResponse: true })
    const leave = (): boolean => context.emit('cancel')
    signal.addEventListener('abort', leave)
    let isLate = false
    // The package's own timer would keep the process alive for as long as a question waits.
    const timer = setTimeout(() => {
      isLate = true
      leave()
    }, limitMs)
    timer.unref()
    let token = ''
    try {
      token = this.#readToken()
      const sent = send(consul, { ...(token === '' ? {} : { token }), ctx: context })
      const [response, body] = (await sent) as [{ readonly headers: ConsulAnswer['headers'] }, unknown]
      return { body, headers: response.headers, address }
    } catch (error) {
      signal.throwIfAborted()
      this.moveOn(address)
      throw isLate ? new ConsulFailure(`${address}: no whole answer within ${limitMs} ms`) : asFailure(error, address, token)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    }
  }

  /** Drops idle connections. */
  close(): void {
    for (const { pool } of this.#agents) pool.destroy()
  }

  #readToken(): string {
    if (this.#token === null) return ''
    try {
      const token = this.#token()
      if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token
    } catch {
      // What it threw may hold what it was about to return.
    }
    throw new Error('the function given as `token` returned no token')
  }
}

interface ResponseError extends Error {
  readonly code?: string
  readonly response?: { readonly statusCode?: number; readonly body?: unknown }
}

function asFailure(error: unknown, address: string, token: string): ConsulFailure {
  const { message, code, response } = error as ResponseError
  const status = response?.statusCode ?? 0
  const said =
    Buffer.isBuffer(response?.body) || typeof response?.body === 'string' ? `: ${String(response.body).slice(0, longestMessage)}` : ''
  const what = status >= 300 ? `the answer is ${status}${said}` : message || (code ?? 'no answer')
  const plain = (token === '' ? what : what.replaceAll(token, '***')).replace(/\p{Cc}/gu, ' ').trim()
  return new ConsulFailure(`${address}: ${plain.slice(0, longestMessage)}`, status)
}
