/** What an operator asks of the control API, over TLS and with the admin token. */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { json } from 'node:stream/consumers'
import { problemSchema } from '@zerohop/mesh-core/policy'

/** Where the control API is, and who asks; read anew for every request. */
export interface ControlAccess {
  readonly url: string
  readonly adminToken: string
  /** In PEM: by which it is believed. */
  readonly ca: string
}

/** A policy that was written. */
export interface Written {
  readonly service: string
  readonly revision: number
}

/** One process as the control API sees it. */
export interface InstanceStatus {
  readonly service: string
  readonly instance: string
  /** The version of the document that it applied; null for none. */
  readonly applied: string | null
  /** True where that is the newest for it. */
  readonly current: boolean
  readonly refused: { readonly reason: string } | null
}

/** The mesh as the control API sees it. */
export interface Status {
  readonly revision: number
  readonly services: readonly { readonly service: string; readonly leased: number; readonly listed: number }[]
  readonly instances: readonly InstanceStatus[]
}

/** The control API said no; the message is its own sentence. */
export class ControlRefusal extends Error {
  override readonly name = 'ControlRefusal'
  readonly status: number
  /** One word: `unknown_reference`. */
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

interface Question {
  readonly method?: 'GET' | 'PUT' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  /** Text goes out as YAML, anything else as JSON. */
  readonly body?: string | object
}

const answerWithinMs = 5000

/** One per control API. */
export class ControlClient {
  readonly #access: ControlAccess

  constructor(access: ControlAccess) {
    this.#access = access
  }

  /** Writes the policy of a service, or `defaults`, from YAML. @throws ControlRefusal */
  async put(service: string, yaml: string): Promise<Written> {
    return (await this.#ask(`/v1/policies/${service}`, { method: 'PUT', body: yaml })).body as Written
  }

  /** Changes some sections of a policy, unless somebody else has changed it meanwhile. @throws ControlRefusal */
  async edit(service: string, sections: Readonly<Record<string, unknown>>): Promise<Written> {
    const path = `/v1/policies/${service}`
    const { body, etag } = await this.#ask(path)
    const { document } = body as { document: Readonly<Record<string, unknown>> }
    const changed = { ...document, ...sections }
    return (await this.#ask(path, { method: 'PUT', headers: { 'if-match': etag }, body: changed })).body as Written
  }

  /** Writes all policies as they were at an older revision; returns the new one. @throws ControlRefusal */
  async rollback(revision: number): Promise<{ readonly revision: number; readonly services: readonly string[] }> {
    const { body } = await this.#ask('/v1/policies:rollback', { method: 'POST', body: { revision } })
    return body as { revision: number; services: string[] }
  }

  /** The newest revisions, the newest first. @throws ControlRefusal */
  async history(limit: number): Promise<readonly { readonly revision: number; readonly services: readonly string[] }[]> {
    const { body } = await this.#ask(`/v1/history?limit=${limit}`)
    return (body as { revisions: { revision: number; services: string[] }[] }).revisions
  }

  /** @throws ControlRefusal */
  async status(): Promise<Status> {
    return (await this.#ask('/v1/status')).body as Status
  }

  /** Makes a token with which instances of a service join. @throws ControlRefusal */
  async makeToken(service: string): Promise<string> {
    return ((await this.#ask('/v1/tokens', { method: 'POST', body: { service } })).body as { token: string }).token
  }

  /** The fingerprints of the roots that are believed now. @throws ControlRefusal */
  async roots(): Promise<readonly string[]> {
    const { roots } = (await this.#ask('/v1/identity')).body as { roots: { fingerprint: string }[] }
    return roots.map(({ fingerprint }) => fingerprint)
  }

  async #ask(path: string, { method = 'GET', headers = {}, body }: Question = {}): Promise<{ body: unknown; etag: string }> {
    const { url, adminToken, ca } = this.#access
    const isText = typeof body === 'string'
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const options = {
      method,
      ca,
      headers: {
        ...headers,
        authorization: `Bearer ${adminToken}`,
        ...(body === undefined ? {} : { 'content-type': isText ? 'application/yaml' : 'application/json' }),
      },
      // One that was kept would be found dead after the control API was killed.
      agent: false,
      signal: AbortSignal.timeout(answerWithinMs),
    } as const
    request(`${url}${path}`, options)
      .once('response', resolve)
      .once('error', reject)
      .end(body === undefined || isText ? body : JSON.stringify(body))
    const reply = await promise
    const answer: unknown = await json(reply)
    const status = reply.statusCode ?? 0
    if (status < 400) return { body: answer, etag: reply.headers.etag ?? '' }
    const { code, message } = problemSchema.parse(answer).error
    throw new ControlRefusal(status, code, message)
  }
}
