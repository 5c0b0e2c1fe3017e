/** The words of cases in gRPC. */
import { Metadata, type ServiceDefinition, status as Status } from '@grpc/grpc-js'
import type { Behaviour, CallSpec, Case, Upstream, Word } from '../case.ts'
import { piece } from '../seen.ts'
import type { Told } from '../wire.ts'

// Where two words have one status, it is read as the first.
const statuses: Readonly<Record<Word, string>> = {
  ok: 'OK',
  rejected: 'INVALID_ARGUMENT',
  missing: 'NOT_FOUND',
  forbidden: 'PERMISSION_DENIED',
  throttled: 'RESOURCE_EXHAUSTED',
  unavailable: 'UNAVAILABLE',
  fault: 'INTERNAL',
  full: 'RESOURCE_EXHAUSTED',
  late: 'DEADLINE_EXCEEDED',
}

/** The status of an answer. */
export function statusOf(answer: { readonly word: Word; readonly status: string }): string {
  return answer.status === '' ? statuses[answer.word] : answer.status
}

/** The answer that a status is; undefined for a status that stands for none. */
export function wordOf(status: string): Word | undefined {
  return (Object.keys(statuses) as Word[]).find((word) => statuses[word] === status)
}

/** A status with its trailers; a failure has no body but its details. */
export function endOf(behaviour: Behaviour): { code: number; details: string; trailers: Record<string, string> } {
  const code = Status[statusOf(behaviour) as keyof typeof Status]
  const trailers: Record<string, string> = {}
  if (behaviour.retryAfterMs > 0) trailers['grpc-retry-pushback-ms'] = String(behaviour.retryAfterMs)
  if (behaviour.kind === 'refuses') trailers['zerohop-refused'] = 'limit'
  return { code, details: code === Status.OK ? '' : piece.repeat(behaviour.pieces), trailers }
}

/** Metadata of these fields. */
export function metadataOf(fields: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

/** Reads what the mesh on the other side says. */
export function toldBy(metadata: Metadata, leftMs: number): Told {
  const get = (name: string): string => String(metadata.get(name)[0] ?? '')
  const [, trace = '', span = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(get('traceparent')) ?? []
  const attempt = Number(get('grpc-previous-rpc-attempts') || 0) + 1
  return { attempt, timeMs: Number.isFinite(leftMs) ? leftMs : -1, trace, span, baggage: get('baggage') }
}

/** The policy with checks by grpc.health.v1 in place of those by HTTP; about a service that nobody serves, where a status is wanted that nobody gives. */
export function policyOf(policy: Case['policy']): Case['policy'] {
  const { health } = policy
  if (typeof health !== 'object' || health.http === undefined) return policy
  const { http, ...rest } = health
  return { ...policy, health: { ...rest, grpc: http.status === undefined ? {} : { service: 'shop.Unknown' } } }
}

/** True where some answer is not one message: then the service's methods stream their answers. */
export function streamsAnswers({ does = [], each = [] }: Upstream): boolean {
  const isStream = ({ kind, at, word, status, pieces }: Behaviour): boolean =>
    kind === 'cut' ? at === 'body' : kind === 'answers' && word === 'ok' && status === '' && pieces !== 1
  return [...does, ...each.flat()].some(isStream)
}

const same = (bytes: Buffer): Buffer => bytes
const levels = { read: 'NO_SIDE_EFFECTS', replace: 'IDEMPOTENT', act: 'IDEMPOTENCY_UNKNOWN' } as const

/** A method of the service of cases. */
export interface ShopMethod {
  readonly name: string
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
}

/** The method by which a call is made: what it does, with a key or without, and which sides of it are streams. */
export function methodOf({ does, key, body }: CallSpec, responseStream: boolean): ShopMethod {
  const requestStream = body === 'stream' || body === 'long-stream'
  const name = `${does}${key ? 'WithKey' : ''}${requestStream ? 'Many' : 'One'}To${responseStream ? 'Many' : 'One'}`
  return { name, path: `/shop.Shop/${name}`, requestStream, responseStream }
}

const kinds = (['read', 'replace', 'act'] as const).flatMap((does) =>
  [false, true].flatMap((key) =>
    (['whole', 'stream'] as const).flatMap((body) => [false, true].map((responseStream) => ({ does, key, body, responseStream }))),
  ),
)

/** The service of cases: the level of each method is that of its verb, and a key is what its program says to the channel. */
export const shop = Object.fromEntries(
  kinds.map(({ responseStream, ...spec }) => {
    const method = methodOf(spec as CallSpec, responseStream)
    const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
    return [method.name, { ...method, ...codec, options: { idempotency_level: levels[spec.does] } }]
  }),
) as unknown as ServiceDefinition

/** The methods of calls with a key. */
export const keyed: readonly string[] = Object.keys(shop).filter((name) => name.includes('WithKey'))

/** What a call sends. */
export function messagesOf({ body }: CallSpec): Buffer[] {
  if (body === 'stream') return Array.from({ length: 3 }, () => Buffer.alloc(1024))
  // More than the mebibyte that is kept of a call.
  if (body === 'long-stream') return Array.from({ length: 6 }, () => Buffer.alloc(256 * 1024))
  return [Buffer.alloc(body === 'none' ? 0 : 100)]
}
