/** A control API that runs with TLS for a test, and how services and strangers talk to it. */
import { createPrivateKey } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Agent, request as tlsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import type { CertificateAnswer } from '@zerohop/mesh-core/policy'
import { type Clock, systemClock } from '../clock.ts'
import { type ControlApi, createControlApi } from '../control-api.ts'
import type { GivenSettings } from '../settings.ts'
import { memoryStores } from '../store/memory-stores.ts'
import type { Stores } from '../store/stores.ts'
import { ecKeys, type TestRequestOptions, testRequest } from './test-request.ts'

/** The machine's time, with a test's leaps on top. */
export class LeapingClock implements Clock {
  #leapMs = 0
  readonly #timers = new Set<{ readonly at: number; readonly fire: () => void }>()

  now(): number {
    return Date.now() + this.#leapMs
  }

  setTimer(ms: number, fire: () => void): { cancel(): void } {
    const timer = { at: this.now() + ms, fire: () => this.#timers.delete(timer) && fire() }
    this.#timers.add(timer)
    const running = systemClock.setTimer(ms, timer.fire)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        running.cancel()
      },
    }
  }

  /** What becomes due by it happens at once. */
  leap(ms: number): void {
    this.#leapMs += ms
    for (const { at, fire } of [...this.#timers]) if (at <= this.now()) fire()
  }
}

/** What a client shows in the handshake. */
export interface ShownCertificate {
  readonly certificates: string
  /** PKCS#8 in PEM. */
  readonly key: string
}

/** What is sent besides method and path; without anything it comes from nobody. */
export interface TlsAsked {
  readonly token?: string
  readonly body?: unknown
  readonly as?: ShownCertificate
  /** Default: a connection of its own. */
  readonly agent?: Agent
  /** Whom the client believes. Default: the roots of the control API. */
  readonly ca?: readonly string[]
}

/** What came back. */
export interface TlsAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: what comes is what a test is about
  readonly body: any
}

/** A service that has its certificate. */
export interface Joined extends ShownCertificate {
  readonly answer: CertificateAnswer
}

/** One control API on a port of its own, in the trust domain `shop.internal`. */
export class TlsControl {
  readonly control: ControlApi
  readonly clock: LeapingClock
  readonly port: number
  readonly admin: string
  /** What it logged. */
  readonly lines: readonly string[]

  private constructor(control: ControlApi, { clock, port, lines }: { clock: LeapingClock; port: number; lines: readonly string[] }) {
    this.control = control
    this.clock = clock
    this.port = port
    this.admin = control.freshAdminToken ?? ''
    this.lines = lines
  }

  /** @param stores are closed with it */
  static async start(given: Partial<GivenSettings> = {}, stores?: Stores): Promise<TlsControl> {
    const lines: string[] = []
    const clock = new LeapingClock()
    const settings = { port: 0, tls: 'on', trustDomain: 'shop.internal', ...given } as const
    const parts = { stores: stores ?? memoryStores(clock), clock, secret: { passphrase: 'a passphrase of a test' } }
    const control = await createControlApi(settings, { ...parts, log: (line) => lines.push(line) })
    const { port } = await control.listen()
    return new TlsControl(control, { clock, port, lines })
  }

  get roots(): readonly string[] {
    return this.control.roots?.pem ?? []
  }

  /** An agent that keeps one connection. */
  agent(as?: ShownCertificate): Agent {
    return new Agent({
      keepAlive: true,
      maxSockets: 1,
      ca: [...this.roots],
      ...(as === undefined ? {} : { cert: as.certificates, key: as.key }),
    })
  }

  async ask(method: string, path: string, { token, body, as, agent, ca = this.roots }: TlsAsked = {}): Promise<TlsAnswer> {
    const request = tlsRequest({
      ...{ host: '127.0.0.1', port: this.port, method, path, agent: agent ?? false },
      ...(agent === undefined ? { ca: [...ca] } : {}),
      ...(as === undefined ? {} : { cert: as.certificates, key: as.key }),
    })
    if (token !== undefined) request.setHeader('authorization', `Bearer ${token}`)
    if (body !== undefined) request.setHeader('content-type', 'application/json')
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
    const said = await text(response)
    const isJson = response.headers['content-type']?.startsWith('application/json') === true
    return { status: response.statusCode ?? 0, headers: response.headers, body: isJson ? JSON.parse(said) : said }
  }

  /** Makes a token. */
  async token(service: string, rest: object = {}): Promise<string> {
    return (await this.ask('POST', '/v1/tokens', { token: this.admin, body: { service, ...rest } })).body.token
  }

  /** Asks for a certificate. */
  async certify(service: string, { csr, ...asked }: TlsAsked & { csr: string }): Promise<TlsAnswer> {
    return this.ask('POST', '/v1/identity/certificates', { ...asked, body: { service, csr } })
  }

  /** A service with a certificate by a token of its own. */
  async join(service: string, options: TestRequestOptions = {}): Promise<Joined> {
    const keys = options.keys ?? (await ecKeys())
    const csr = await testRequest(service, { ...options, keys })
    const { status, body } = await this.certify(service, { csr, token: await this.token(service) })
    if (status !== 200) throw new Error(`${service} got no certificate: ${JSON.stringify(body)}`)
    return { answer: body, certificates: body.certificates, key: await pemOf(keys) }
  }

  close(): Promise<void> {
    return this.control.close({ graceMs: 0 })
  }
}

/** Status and code of a problem. */
export function problemIn({ status, body }: TlsAnswer): readonly [number, string | undefined] {
  return [status, body?.error?.code]
}

/** A private key as it is shown in a handshake: PKCS#8 in PEM. */
export async function pemOf({ privateKey }: CryptoKeyPair): Promise<string> {
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey))
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }) as string
}
