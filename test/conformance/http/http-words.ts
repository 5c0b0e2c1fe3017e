/** The words of cases in HTTP. */
import type { IncomingHttpHeaders } from 'node:http'
import type { MeshRequestInit } from '@zerohop/mesh-http'
import type { Behaviour, CallSpec, Word } from '../case.ts'
import type { Told } from '../wire.ts'

// Where two words have one status, it is read as the first.
const statuses: Readonly<Record<Word, number>> = {
  ok: 200,
  rejected: 400,
  missing: 404,
  forbidden: 403,
  throttled: 429,
  unavailable: 503,
  fault: 500,
  full: 503,
  late: 504,
}

/** The status of an answer. */
export function statusOf(answer: { readonly word: Word; readonly status: string }): string {
  return answer.status === '' ? String(statuses[answer.word]) : answer.status
}

/** The answer that a status is; undefined for a status that stands for none. */
export function wordOf(status: string): Word | undefined {
  return (Object.keys(statuses) as Word[]).find((word) => String(statuses[word]) === status)
}

/** The headers of an answer. */
export function headersOf(behaviour: Behaviour): Record<string, string> {
  const headers: Record<string, string> = {}
  if (behaviour.retryAfterMs > 0) headers['retry-after'] = String(Math.ceil(behaviour.retryAfterMs / 1000))
  if (behaviour.kind === 'refuses') headers['zerohop-refused'] = 'limit'
  return headers
}

/** Reads what the mesh on the other side says in the headers of a request. */
export function toldBy(headers: Headers | IncomingHttpHeaders): Told {
  const get = (name: string): string => (headers instanceof Headers ? headers.get(name) : (headers[name] as string | undefined)) ?? ''
  const [, trace = '', span = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(get('traceparent')) ?? []
  const time = get('zerohop-timeout')
  return { attempt: Number(get('zerohop-attempt') || 1), timeMs: time === '' ? -1 : Number(time), trace, span, baggage: get('baggage') }
}

const methods = { read: 'GET', replace: 'PUT', act: 'POST' } as const

/** What `fetch` is given for a call. */
export function requestOf(spec: CallSpec, signal: AbortSignal): MeshRequestInit {
  const init: MeshRequestInit & { duplex?: 'half' } = { method: methods[spec.does], signal }
  if (spec.key) init.headers = { 'idempotency-key': 'one' }
  if (spec.body === 'whole') init.body = 'x'.repeat(100)
  if (spec.body === 'stream') init.body = streamOf(3, 1024)
  // More than the 64 KiB that are kept of a stream.
  if (spec.body === 'long-stream') init.body = streamOf(6, 32 * 1024)
  if (init.body instanceof ReadableStream) init.duplex = 'half'
  const mesh: NonNullable<MeshRequestInit['mesh']> = {}
  if (spec.idempotent !== undefined) mesh.idempotent = spec.idempotent
  if (spec.once) mesh.retry = false
  if (spec.timeoutMs > 0) mesh.timeout = spec.timeoutMs
  init.mesh = mesh
  return init
}

function streamOf(chunks: number, bytes: number): ReadableStream<Uint8Array> {
  let left = chunks
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new Uint8Array(bytes))
      else controller.close()
    },
  })
}
