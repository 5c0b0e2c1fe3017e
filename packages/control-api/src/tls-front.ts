/** The TLS of the control API itself: a certificate of its own authority, renewed while it runs, and the roots by which it believes clients. */
import { constants } from 'node:crypto'
import type { Server } from 'node:https'
import { hostname } from 'node:os'
import type { SecureContextOptions } from 'node:tls'
import type { Authority, OwnCertificate } from './authority/authority.ts'
import type { Clock } from './clock.ts'
import type { Metrics } from './observe/metrics.ts'

/** What it stands on. */
export interface TlsFrontParts {
  readonly authority: Authority
  /** Host names and IP addresses of the certificate. */
  readonly names: readonly string[]
  readonly clock: Clock
  readonly metrics: Metrics
  /** Told why it could not be renewed, in a sentence. */
  readonly onFault: (sentence: string) => void
}

// Within the first half of its life, as services do it: an authority that fails for a while harms nobody.
const renewedAfter = 0.4
// A laptop that slept, or a clock that was set, is noticed within this.
const longestLookMs = 60_000
const leastLookMs = 1000

/** Gives the server its context, and another one whenever something of it changes. Connections that there are go on as they are. */
export class TlsFront {
  readonly #parts: TlsFrontParts
  readonly #leave: () => void
  #own: OwnCertificate
  #renewAt: number
  #server: Server | null = null
  #timer: { cancel(): void } | null = null
  #isRenewing = false
  #isStale = false
  #isClosed = false

  private constructor(parts: TlsFrontParts, own: OwnCertificate) {
    this.#parts = parts
    this.#own = own
    this.#renewAt = this.#dueOf(own)
    this.#leave = parts.authority.subscribe(() => void this.#renew())
    parts.metrics.gauge(
      'zerohop_control_certificate_not_after_seconds',
      "End of the control API's own certificate, in seconds since 1970.",
      () => this.#own.notAfter / 1000,
    )
    this.#look()
  }

  /** @throws Error where the names cannot be those of a certificate */
  static async open(parts: TlsFrontParts): Promise<TlsFront> {
    return new TlsFront(parts, await parts.authority.own(parts.names))
  }

  /** What its certificate is for. */
  get names(): readonly string[] {
    return this.#parts.names
  }

  /** What a context is made of now. */
  get options(): SecureContextOptions {
    return {
      cert: this.#own.certificates,
      key: this.#own.key.export({ type: 'pkcs8', format: 'pem' }),
      ca: [...this.#parts.authority.trust.roots],
      minVersion: 'TLSv1.3',
      // Said, for a flag of the process could say less.
      maxVersion: 'TLSv1.3',
      // With a resumed session the peer would be taken for who it was when that began: every connection proves it anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
    }
  }

  /** Keeps the server's context up to date from now on. */
  serve(server: Server): void {
    this.#server = server
  }

  close(): void {
    this.#isClosed = true
    this.#leave()
    this.#timer?.cancel()
  }

  #look(): void {
    const { clock } = this.#parts
    const leftMs = this.#renewAt - clock.now()
    if (leftMs <= 0) void this.#renew()
    this.#timer = clock.setTimer(Math.min(longestLookMs, Math.max(leastLookMs, leftMs)), () => this.#look())
  }

  async #renew(): Promise<void> {
    // What changes while a certificate is being made may not be in it.
    this.#isStale = true
    if (this.#isRenewing) return
    this.#isRenewing = true
    try {
      while (this.#isStale && !this.#isClosed) {
        this.#isStale = false
        this.#own = await this.#parts.authority.own(this.#parts.names)
        this.#renewAt = this.#dueOf(this.#own)
        this.#server?.setSecureContext(this.options)
      }
    } catch (error) {
      // The next look tries again.
      this.#renewAt = Math.min(this.#renewAt, this.#parts.clock.now())
      if (!this.#isClosed) this.#parts.onFault(`the control API's own certificate could not be renewed: ${(error as Error).message}`)
    } finally {
      this.#isRenewing = false
    }
  }

  #dueOf({ notAfter }: OwnCertificate): number {
    const now = this.#parts.clock.now()
    return now + (notAfter - now) * renewedAfter
  }
}

/** The names of the certificate where none are set: this machine's, and those of loopback. @param host where it listens */
export function defaultNames(host: string): string[] {
  const isAny = host === '0.0.0.0' || host === '::'
  return [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...(isAny ? [] : [host])])]
}
