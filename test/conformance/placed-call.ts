/** One call that a case has made, and what became of it as its caller saw it. */
import { getEventListeners } from 'node:events'
import { type ErrorCode, MeshError, type VerdictName } from '@zerohop/mesh-core'
import type { MeshFetch } from '@zerohop/mesh-http'
import type { CallSpec } from './case.ts'
import { piece, requestOf, wordOf } from './http-words.ts'

/** What a caller saw of a call. */
export interface Seen {
  readonly gets: 'answer' | 'error' | 'broken answer'
  /** 0 where there was no answer. */
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** As the answer or the error says; cancelled where the caller's own signal was the reason. */
  readonly verdict: VerdictName | ''
  readonly code: ErrorCode | ''
  /** Attempts that the error lists. */
  readonly attempts: number
  readonly tookMs: number
  /** Pieces of the body that came. */
  readonly pieces: number
  /** What was thrown, for messages. */
  readonly error: unknown
}

/** The host under which cases know their service. */
export const host = 'shop'

/** A call under way, or over. */
export class PlacedCall {
  /** Null while it is under way. */
  seen: Seen | null = null
  readonly startedAt: number
  /** Resolves with {@link seen}; never rejects. */
  readonly end: Promise<Seen>
  readonly #leaving = new AbortController()
  readonly #now: () => number

  constructor(fetch: MeshFetch, spec: CallSpec, now: () => number) {
    this.#now = now
    this.startedAt = now()
    this.end = this.#run(fetch, spec)
  }

  /** The caller leaves. */
  abort(): void {
    this.#leaving.abort(left)
  }

  /** Listeners that the mesh has on the caller's signal. */
  get listeners(): number {
    return getEventListeners(this.#leaving.signal, 'abort').length
  }

  async #run(fetch: MeshFetch, spec: CallSpec): Promise<Seen> {
    this.seen = await this.#watch(fetch, spec)
    return this.seen
  }

  async #watch(fetch: MeshFetch, spec: CallSpec): Promise<Seen> {
    let response: Response
    try {
      response = await fetch(`http://${host}/`, requestOf(spec, this.#leaving.signal))
    } catch (error) {
      return this.#broken(error, { gets: 'error', status: 0, headers: new Headers(), body: '' })
    }
    const { status, headers } = response
    let body = ''
    try {
      const text = new TextDecoder()
      for await (const chunk of response.body ?? []) body += text.decode(chunk, { stream: true })
    } catch (error) {
      return this.#broken(error, { gets: 'broken answer', status, headers, body })
    }
    const verdict = wordOf(status) ?? ''
    const tookMs = this.#now() - this.startedAt
    return { gets: 'answer', status, headers, body, verdict, code: '', attempts: 0, tookMs, pieces: piecesIn(body), error: null }
  }

  #broken(error: unknown, so: Pick<Seen, 'gets' | 'status' | 'headers' | 'body'>): Seen {
    const tookMs = this.#now() - this.startedAt
    const cause = (error as { cause?: unknown } | null)?.cause
    const mesh = MeshError.is(cause) ? cause : null
    return {
      ...so,
      verdict: error === left ? 'cancelled' : (mesh?.verdict ?? ''),
      code: mesh?.code ?? '',
      attempts: mesh?.attempts.length ?? 0,
      tookMs,
      pieces: piecesIn(so.body),
      error,
    }
  }
}

const left = new Error('the caller left')

function piecesIn(body: string): number {
  return body.split(piece).length - 1
}
