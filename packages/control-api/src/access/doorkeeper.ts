/** Recognises callers by their tokens and certificates, and slows down those who guess. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Count, Metrics } from '../observe/metrics.ts'
import type { StoredToken, TokenStore } from '../store/token-store.ts'
import { Attempts } from './attempts.ts'
import type { Caller } from './caller.ts'
import type { PeerCallers } from './peer-callers.ts'
import { type Stranger, type StrangerCode, strangerOf } from './stranger.ts'
import { readToken } from './token-text.ts'
import { VoidUses } from './void-uses.ts'

/** What a doorkeeper needs. */
export interface DoorkeeperParts {
  readonly tokens: TokenStore
  readonly clock: Clock
  readonly metrics: Metrics
  /** Null where no certificates are looked at. */
  readonly peers: PeerCallers | null
  /** Told of strangers who had all of a token that is void, at a bounded rate. Must not throw. Default: nobody is. */
  readonly onVoidToken?: (use: VoidUse) => void
}

/** Somebody came with a token that is void, and whose secret was right. */
export interface VoidUse {
  readonly token: StoredToken
  readonly code: StrangerCode
  /** The address. */
  readonly remote: string
}

/** How a request is looked at. */
export interface Recognition {
  /** True where a certificate is asked for: a spent token passes, for its joiner may not have got the answer; the desk looks at the key. */
  readonly isJoin?: boolean
}

const unknownHash = Buffer.alloc(32)

/** Lets in who holds a token or a certificate. Whoever holds one is never slowed down, whatever others do from the same address. */
export class Doorkeeper {
  readonly #parts: DoorkeeperParts
  readonly #attempts: Attempts
  readonly #voidUses: VoidUses
  readonly #strangers: Count

  constructor(parts: DoorkeeperParts) {
    this.#parts = parts
    this.#attempts = new Attempts(parts.clock)
    this.#voidUses = new VoidUses(parts.clock)
    this.#strangers = parts.metrics.counter(
      'zerohop_control_strangers_total',
      'Requests without a valid token or certificate, by what was answered.',
      ['code'],
    )
  }

  /** At once for a known caller. A stranger is told so after a while, so that guessing is slow. A token counts before a certificate. */
  recognise(request: IncomingMessage, { isJoin = false }: Recognition = {}): Caller | Promise<Stranger> {
    const { socket } = request
    const header = request.headers.authorization
    const found = header === undefined ? this.#parts.peers?.of(socket) : this.#byToken(header, isJoin, socket.remoteAddress ?? '')
    if (found != null && !('status' in found)) return found
    return this.#stranger(found ?? strangerOf('no_token'), socket.remoteAddress ?? '')
  }

  #byToken(header: string, isJoin: boolean, remote: string): Caller | Stranger {
    const given = readToken(/^Bearer +(\S+)$/i.exec(header)?.[1] ?? '')
    const token = given === null ? null : this.#parts.tokens.get(given.id)
    const hash = createHash('sha256')
      .update(given?.secret ?? '')
      .digest()
    // Compared for an unknown id too: the time taken must not tell which ids exist.
    const isEqual = timingSafeEqual(hash, token === null ? unknownHash : Buffer.from(token.hash, 'hex'))
    // Only who holds all of a token is told what became of it.
    if (token === null || !isEqual) return strangerOf('wrong_token')
    const code = this.#problemOf(token, isJoin)
    if (code !== null) {
      if (this.#voidUses.takes(token.id)) this.#parts.onVoidToken?.({ token, code, remote })
      return strangerOf(code)
    }
    const { id, name, service, singleUse } = token
    return { token: id, name, service, singleUse, leaf: null }
  }

  #problemOf({ revokedAt, spent, expiresAt }: StoredToken, isJoin: boolean): StrangerCode | null {
    if (revokedAt !== null) return 'revoked_token'
    if (spent !== null) return isJoin ? null : 'used_token'
    return expiresAt !== null && this.#parts.clock.now() >= expiresAt ? 'expired_token' : null
  }

  async #stranger(stranger: Stranger, remote: string): Promise<Stranger> {
    const isHeard = await this.#attempts.wait(remote)
    const answer = isHeard ? stranger : strangerOf('too_many_attempts')
    this.#strangers.add({ code: answer.code })
    return answer
  }
}
