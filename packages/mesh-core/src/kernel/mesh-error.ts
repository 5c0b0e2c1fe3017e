/** The one error class of the mesh, and the table of its codes. */
import type { VerdictName } from './verdict.ts'

/** Status codes and sentences for everything that the mesh itself can answer. */
export interface ErrorRow {
  /** What happened, as the middle of a sentence. */
  readonly sentence: string
  readonly http: number
  readonly grpc: string
}

/** Every code that a MeshError can carry. */
export type ErrorCode =
  | 'BREAKER_OPEN'
  | 'LIMIT_FULL'
  | 'LIMIT_WAITED'
  | 'RATE_LIMITED'
  | 'NO_ENDPOINT'
  | 'NOT_REGISTERED'
  | 'FAULT_INJECTED'
  | 'NO_IDENTITY'
  | 'WRONG_PEER'
  | 'MTLS_REQUIRED'
  | 'CONNECTION_EXPIRED'
  | 'FORBIDDEN'
  | 'AMBIGUOUS_PATH'
  | 'NO_POLICY'
  | 'LATE'
  | 'EXPIRED'
  | 'CANCELLED'
  | 'UNREACHED'
  | 'BROKEN'
  | 'BAD_REQUEST'
  | 'BAD_REPLY'
  | 'HANDLER_FAILED'
  | 'MESH_CLOSED'
  | 'BAD_OPTIONS'
  | 'BAD_POLICY'
  | 'BAD_ENDPOINTS'

/** What each code means, and how it is told to a caller on the wire. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  BREAKER_OPEN: { sentence: 'the breaker is open', http: 503, grpc: 'UNAVAILABLE' },
  LIMIT_FULL: { sentence: 'the limit is reached and its queue is full', http: 503, grpc: 'RESOURCE_EXHAUSTED' },
  LIMIT_WAITED: { sentence: 'no slot came free within the time that the limit lets a call queue', http: 503, grpc: 'RESOURCE_EXHAUSTED' },
  RATE_LIMITED: { sentence: 'the rate limit is spent', http: 429, grpc: 'RESOURCE_EXHAUSTED' },
  NO_ENDPOINT: { sentence: 'no endpoint is known', http: 503, grpc: 'UNAVAILABLE' },
  NOT_REGISTERED: { sentence: 'no service of that name is registered', http: 503, grpc: 'UNAVAILABLE' },
  FAULT_INJECTED: { sentence: 'the policy injected a fault', http: 503, grpc: 'UNAVAILABLE' },
  NO_IDENTITY: { sentence: 'this process has no valid identity to show', http: 503, grpc: 'UNAVAILABLE' },
  WRONG_PEER: { sentence: 'whoever answers there is not the service that was called', http: 503, grpc: 'UNAVAILABLE' },
  MTLS_REQUIRED: { sentence: 'the service takes mutual TLS only', http: 403, grpc: 'UNAUTHENTICATED' },
  CONNECTION_EXPIRED: { sentence: 'the certificate of one end of the connection has expired', http: 503, grpc: 'UNAVAILABLE' },
  FORBIDDEN: { sentence: 'the access policy does not let this caller in', http: 403, grpc: 'PERMISSION_DENIED' },
  AMBIGUOUS_PATH: { sentence: 'the path can be read in two ways', http: 400, grpc: 'INVALID_ARGUMENT' },
  NO_POLICY: { sentence: 'the service has no policy yet, and is not to be called without one', http: 503, grpc: 'UNAVAILABLE' },
  LATE: { sentence: 'no answer within the attempt timeout', http: 504, grpc: 'DEADLINE_EXCEEDED' },
  EXPIRED: { sentence: 'no answer in time', http: 504, grpc: 'DEADLINE_EXCEEDED' },
  CANCELLED: { sentence: 'the caller left', http: 499, grpc: 'CANCELLED' },
  UNREACHED: { sentence: 'no connection could be made', http: 503, grpc: 'UNAVAILABLE' },
  BROKEN: { sentence: 'the connection was lost', http: 502, grpc: 'UNAVAILABLE' },
  BAD_REQUEST: { sentence: 'the request cannot be sent', http: 400, grpc: 'INVALID_ARGUMENT' },
  BAD_REPLY: { sentence: 'the answer broke the protocol', http: 502, grpc: 'INTERNAL' },
  HANDLER_FAILED: { sentence: 'the handler failed', http: 500, grpc: 'INTERNAL' },
  MESH_CLOSED: { sentence: 'the mesh is closed', http: 503, grpc: 'UNAVAILABLE' },
  BAD_OPTIONS: { sentence: 'the options are wrong', http: 500, grpc: 'INTERNAL' },
  BAD_POLICY: { sentence: 'the policy is wrong', http: 500, grpc: 'INTERNAL' },
  BAD_ENDPOINTS: { sentence: 'the endpoints are wrong', http: 500, grpc: 'INTERNAL' },
}

/** One failed attempt, as an error lists it. */
export interface AttemptRecord {
  readonly attempt: number
  /** `host:port`, or '' where it went nowhere. */
  readonly endpoint: string
  readonly verdict: VerdictName
  /** Status or cause in a few words; '' where there is nothing to add. */
  readonly detail: string
}

/** What a MeshError is made of. */
export interface MeshErrorStart {
  readonly code: ErrorCode
  readonly message: string
  readonly service?: string
  readonly endpoint?: string
  readonly attempts?: readonly AttemptRecord[]
  readonly verdict?: VerdictName
  readonly revision?: string
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('zerohop.mesh-error.1') as never

/** What the mesh throws or hands over as a cause. The message is a sentence that a pager can act on. */
export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  /** The service that was called; '' where none was. */
  readonly service: string
  /** The last endpoint tried; '' where none was. */
  readonly endpoint: string
  /** Attempts in their order, the last one included. */
  readonly attempts: readonly AttemptRecord[]
  readonly verdict: VerdictName | ''
  /** The policy in force, as `explain` names it; '' where none is. */
  readonly revision: string
  readonly [brand] = true

  constructor(start: MeshErrorStart) {
    super(start.message, start.cause === undefined ? undefined : { cause: start.cause })
    this.code = start.code
    this.service = start.service ?? ''
    this.endpoint = start.endpoint ?? ''
    this.attempts = start.attempts ?? []
    this.verdict = start.verdict ?? ''
    this.revision = start.revision ?? ''
  }

  /** Makes the error without capturing a stack, for refusals. */
  static withoutStack(start: MeshErrorStart): MeshError {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    try {
      return new MeshError(start)
    } finally {
      Error.stackTraceLimit = limit
    }
  }

  /** True for a MeshError of this or any other copy of the package. */
  static is(error: unknown): error is MeshError {
    return typeof error === 'object' && error !== null && (error as { [brand]?: unknown })[brand] === true
  }
}
