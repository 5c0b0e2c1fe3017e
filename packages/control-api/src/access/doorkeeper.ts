/** Recognises callers by their tokens, and slows down those who guess. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Count, Metrics } from '../observe/metrics.ts'
import type { TokenStore } from '../store/token-store.ts'
import { Attempts } from './attempts.ts'
import type { Caller } from './caller.ts'

/** No caller was recognised. */
export interface Stranger {
  /** `no_token`, `wrong_token`, or `too_many_attempts`. */
  readonly code: 'no_token' | 'wrong_token' | 'too_many_attempts'
  /** One sentence, without the token. */
  readonly message: string
  /** 401 or 429. */
  readonly status: number
  /** For the `retry-after` header; null: none. */
  readonly retryAfterSeconds: number | null
}

const tokenForm = /^zh_([A-Za-z0-9_-]{12})_([A-Za-z0-9_-]{43})$/
const unknownHash = Buffer.alloc(32)

/** Lets in who holds a token. Whoever holds one is never slowed down, whatever others do from the same address. */
export class Doorkeeper {
  readonly #tokens: TokenStore
  readonly #attempts: Attempts
  readonly #strangers: Count

  constructor(tokens: TokenStore, clock: Clock, metrics: Metrics) {
    this.#tokens = tokens
    this.#attempts = new Attempts(clock)
    this.#strangers = metrics.counter('zerohop_control_strangers_total', 'Requests without a valid token, by what was answered.', ['code'])
  }

  /** At once for a known token. A stranger is told so after a while, so that guessing is slow. */
  recognise(request: IncomingMessage): Caller | Promise<Stranger> {
    const header = request.headers.authorization
    const given = header === undefined ? null : /^Bearer +(\S+)$/i.exec(header)?.[1]
    const caller = given == null ? null : this.#callerOf(given)
    return caller ?? this.#stranger(header === undefined, request.socket.remoteAddress ?? '')
  }

  #callerOf(given: string): Caller | null {
    const [, id = '', secret = ''] = tokenForm.exec(given) ?? []
    const token = this.#tokens.get(id)
    const hash = createHash('sha256').update(secret).digest()
    // Compared for an unknown id too: the time taken must not tell which ids exist.
    const isEqual = timingSafeEqual(hash, token === null ? unknownHash : Buffer.from(token.hash, 'hex'))
    return token !== null && isEqual ? { token: token.id, name: token.name, service: token.service } : null
  }

  async #stranger(silent: boolean, remote: string): Promise<Stranger> {
    const isHeard = await this.#attempts.wait(remote)
    const stranger = isHeard ? (silent ? noToken : wrongToken) : tooMany
    this.#strangers.add({ code: stranger.code })
    return stranger
  }
}

const noToken: Stranger = {
  status: 401,
  code: 'no_token',
  message: 'A token is needed: send `authorization: Bearer zh_...`.',
  retryAfterSeconds: null,
}

const wrongToken: Stranger = {
  status: 401,
  code: 'wrong_token',
  message: 'The token is not one of this control API: it was revoked or rotated, or it belongs elsewhere.',
  retryAfterSeconds: null,
}

const tooMany: Stranger = {
  status: 429,
  code: 'too_many_attempts',
  message: 'Too many requests without a valid token came from this address: wait before you try again.',
  retryAfterSeconds: 10,
}
