/** One thing that the control API can be asked for: what it takes, what it answers, who may ask, and how it is done. */
import type { z } from 'zod'
import type { Caller } from '../access/caller.ts'

/**
 * `open`: anybody. `admin`: admin tokens. `service`: admin tokens, and the tokens and certificates of the service that `{service}` of the path
 * names. `join`: any token or certificate, single-use tokens too; whose identity is asked for stands in the body, and is checked by the operation.
 */
export type Access = 'open' | 'admin' | 'service' | 'join'

/** One answer by its status, as the description of the API shows it. */
export interface AnswerForm {
  readonly meaning: string
  /** Absent: no body. */
  readonly schema?: z.ZodType
  /** A real body, checked against `schema` by a test. */
  readonly example?: unknown
}

/** What a body may be. */
export interface BodyForm {
  readonly schema: z.ZodType
  /** Where true, the operation is given the text itself (JSON or YAML) and reads it. */
  readonly text?: boolean
  readonly example: unknown
  /** At most so many bytes; default 64 KiB. */
  readonly maxBytes?: number
}

/** A request whose parameters were checked. */
export interface ApiRequest {
  /** Null for operations that are open to anybody. */
  readonly caller: Caller | null
  /** The address of the caller. */
  readonly remote: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** As the schema gave it back; the text where `text` was asked for; undefined where no body is taken. */
  readonly body: unknown
}

/** What is answered; a body that is a string goes out as it is, anything else as JSON. */
export interface ApiAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** One operation. */
export interface Operation {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** As OpenAPI writes it: `/v1/policies/{service}`. */
  readonly path: string
  readonly summary: string
  readonly access: Access
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: BodyForm
  readonly answers: Readonly<Record<number, AnswerForm>>
  /** Codes of problems that it may answer with, besides those that any operation has. */
  readonly problems?: readonly string[]
  /** Null where the request is taken before it comes this far, and only described here. @throws RequestProblem */
  readonly handle: ((request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>) | null
}
