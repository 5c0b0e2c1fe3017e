/** What the mesh answers in a handler's place, as a gRPC status. */
import { Metadata } from '@grpc/grpc-js'
import { type ErrorCode, errorTable, type Outcome, type Reply, refusalWord, refusedHeader } from '@zerohop/mesh-core/transport'
import { statusName, statusNumber } from '../status-verdict.ts'

/** The reply of an outcome on the server's side, where nobody is left to read one. */
export class ServedStatus implements Reply {
  readonly status: string
  readonly code: number

  constructor(code: number) {
    this.code = code
    this.status = statusName(code)
  }

  discard(): void {}
}

const replies = new Map<number, ServedStatus>()

/** The reply that stands for a status: one object for all calls that were answered with it. */
export function servedStatus(code: number): ServedStatus {
  let reply = replies.get(code)
  if (reply === undefined) {
    reply = new ServedStatus(code)
    // A handler may answer with any number there is.
    if (code >= 0 && code <= 16) replies.set(code, reply)
  }
  return reply
}

/** A status with its trailers, before either library has its own form of them. */
export interface MeshStatus {
  readonly code: number
  readonly details: string
  readonly trailers: Readonly<Record<string, string>>
}

/** What `service` answers for the outcome of a call whose handler was not started. */
export function refusalStatus(outcome: Outcome, service: string): MeshStatus {
  const code = outcome.code === '' ? 'HANDLER_FAILED' : outcome.code
  const injected = outcome.reply as ServedStatus | null
  const trailers: Record<string, string> = {}
  const word = injected === null ? refusalWord(code) : ''
  if (word !== '') trailers[refusedHeader] = word
  // gRFC A6: how a server says when to come back.
  if (outcome.retryAfterMs >= 0) trailers['grpc-retry-pushback-ms'] = String(Math.ceil(outcome.retryAfterMs))
  return { code: injected?.code ?? codeOf(code), details: sentenceOf(code, service), trailers }
}

/** The status of an error of the mesh. */
export function errorStatus(code: ErrorCode, service: string): MeshStatus {
  return { code: codeOf(code), details: sentenceOf(code, service), trailers: {} }
}

/** The status of a call that nobody here looked at: a mesh takes it elsewhere, whatever it is. */
export function elsewhereStatus(code: ErrorCode, service: string): MeshStatus {
  return { ...errorStatus(code, service), trailers: { [refusedHeader]: refusalWord(code) } }
}

/** The same as grpc-js takes it. */
export function statusObject({ code, details, trailers }: MeshStatus): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value)
  return { code, details, metadata }
}

/** The same as the head of a response that is nothing but its trailers. */
export function trailersOnly({ code, details, trailers }: MeshStatus): Record<string, string | number> {
  return {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': code,
    'grpc-message': encodeURI(details),
    ...trailers,
  }
}

/** Metadata without the word that is the mesh's own: a gateway that hands on another server's trailers would make its callers repeat what it has done already. */
export function withoutRefusalWord(metadata: Metadata): Metadata {
  if (metadata.get(refusedHeader).length === 0) return metadata
  const kept = metadata.clone()
  kept.remove(refusedHeader)
  return kept
}

function codeOf(code: ErrorCode): number {
  return statusNumber(errorTable[code].grpc)
}

function sentenceOf(code: ErrorCode, service: string): string {
  return `${service}: ${errorTable[code].sentence}`
}
