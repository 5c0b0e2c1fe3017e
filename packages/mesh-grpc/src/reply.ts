/** What a scripted gRPC service is asked in a test, and what it answers: whole, slow, cut off, or never. */
import { Metadata, status as Status } from '@grpc/grpc-js'

/** A call as a scripted service receives it, once its first message is there or the end of them. */
export interface GrpcRequest<M = Buffer> {
  /** Such as `/shop.Payment/Charge`. */
  readonly path: string
  /** Its last segment. */
  readonly method: string
  readonly metadata: Metadata
  /** How long the caller still waits, in ms; Infinity where it does not say. */
  readonly timeoutMs: number
  /** The first message; null where the caller ended without any. */
  readonly message: M | null
  /** All messages, the first one included, as they come. */
  readonly messages: AsyncIterable<M>
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal
}

/** One step of a scripted answer: a message to send, or a pause in ms. */
export type GrpcStep = unknown

/** How a scripted answer ends. */
export type GrpcReplyEnding = 'whole' | 'never' | 'broken-head' | 'broken-body'

/** Metadata as a test writes it; a name ends in `-bin` where its value is bytes. */
export type GrpcFields = Readonly<Record<string, string | Buffer>>

/** An answer as data; the in-memory transport plays it, and so does the one over byte streams. */
export class ScriptedGrpcReply {
  readonly steps: Iterable<GrpcStep> | AsyncIterable<GrpcStep>
  readonly code: number
  readonly details: string
  readonly trailers: GrpcFields
  /** Null where there is no head besides the one that the first message makes. */
  readonly head: GrpcFields | null
  /** `broken-head` loses the connection before the head, `broken-body` after the last message, `never` sends nothing at all. */
  readonly ending: GrpcReplyEnding
  /** Waits this long before anything else, in ms. */
  readonly delayMs: number

  constructor(start: GrpcReplyStart) {
    this.steps = start.steps
    this.code = start.code
    this.details = start.details
    this.trailers = start.trailers
    this.head = start.head
    this.ending = start.ending
    this.delayMs = start.delayMs
  }

  /** The same with every message as `write` makes it. */
  mapped(write: (message: unknown) => Buffer): ScriptedGrpcReply {
    return new ScriptedGrpcReply({ ...this, steps: mapped(this.steps, write) })
  }
}

/** The fields of a {@link ScriptedGrpcReply}. */
export type GrpcReplyStart = Pick<ScriptedGrpcReply, 'steps' | 'code' | 'details' | 'trailers' | 'head' | 'ending' | 'delayMs'>

/** What an answer carries besides its messages and its status. */
export interface GrpcReplyFields {
  readonly head?: GrpcFields
  readonly trailers?: GrpcFields
}

/** Makes scripted answers: `grpcReply({ stock: 3 })`, `grpcReply.status('UNAVAILABLE')`, `grpcReply.never()`. */
export interface GrpcReplyMaker {
  /** One message and OK. */
  (message: unknown, fields?: GrpcReplyFields): ScriptedGrpcReply
  /** A status by its name or number, without a message. @throws RangeError where gRPC has no such name */
  status(code: string | number, details?: string, fields?: GrpcReplyFields): ScriptedGrpcReply
  /** Messages and OK; a number among them is a pause in ms. Of an iterable, the messages come as it makes them. */
  stream(...steps: GrpcStep[]): ScriptedGrpcReply
  /** The same, for messages that are made on the way, such as from those of the request. */
  from(steps: Iterable<GrpcStep> | AsyncIterable<GrpcStep>, fields?: GrpcReplyFields): ScriptedGrpcReply
  /** No answer at all, until the caller gives up. */
  never(): ScriptedGrpcReply
  /** The connection is lost before the head, or after these messages. */
  broken(how: { at: 'head' } | { at: 'body'; messages: readonly unknown[] }): ScriptedGrpcReply
  /** The same answer `ms` milliseconds later. */
  delayed(ms: number, answer: ScriptedGrpcReply): ScriptedGrpcReply
}

function whole(steps: Iterable<GrpcStep> | AsyncIterable<GrpcStep>, { head, trailers = {} }: GrpcReplyFields = {}): ScriptedGrpcReply {
  return new ScriptedGrpcReply({ steps, code: Status.OK, details: 'OK', trailers, head: head ?? null, ending: 'whole', delayMs: 0 })
}

function codeOf(code: string | number): number {
  const number = typeof code === 'number' ? code : Status[code as keyof typeof Status]
  if (number === undefined) throw new RangeError(`grpcReply: gRPC has no status ${code}`)
  return number
}

/** Makes scripted answers for services in tests. */
export const grpcReply: GrpcReplyMaker = Object.assign(
  (message: unknown, fields?: GrpcReplyFields): ScriptedGrpcReply => whole([message], fields),
  {
    status: (code: string | number, details = '', fields: GrpcReplyFields = {}): ScriptedGrpcReply =>
      new ScriptedGrpcReply({ ...whole([], fields), code: codeOf(code), details }),
    stream: (...steps: GrpcStep[]): ScriptedGrpcReply => whole(steps),
    from: (steps: Iterable<GrpcStep> | AsyncIterable<GrpcStep>, fields?: GrpcReplyFields): ScriptedGrpcReply => whole(steps, fields),
    never: (): ScriptedGrpcReply => new ScriptedGrpcReply({ ...whole([]), ending: 'never' }),
    broken: (how: { at: 'head' } | { at: 'body'; messages: readonly unknown[] }): ScriptedGrpcReply =>
      new ScriptedGrpcReply({ ...whole(how.at === 'head' ? [] : how.messages), ending: how.at === 'head' ? 'broken-head' : 'broken-body' }),
    delayed: (ms: number, answer: ScriptedGrpcReply): ScriptedGrpcReply =>
      new ScriptedGrpcReply({ ...answer, delayMs: answer.delayMs + ms }),
  },
)

/** Metadata of the fields that a test wrote. */
export function metadataOf(fields: GrpcFields): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

/** The bytes of a message, which whoever has no definition of its service writes himself. @throws TypeError where they are none */
export function bytesOf(message: unknown): Buffer {
  if (Buffer.isBuffer(message)) return message
  if (message instanceof Uint8Array) return Buffer.from(message)
  if (typeof message === 'string') return Buffer.from(message)
  throw new TypeError('a scripted message must be bytes or a text; for objects serve a definition, by grpcService(…)')
}

async function* mapped(steps: Iterable<GrpcStep> | AsyncIterable<GrpcStep>, write: (message: unknown) => Buffer): AsyncGenerator<GrpcStep> {
  for await (const step of steps) yield typeof step === 'number' ? step : write(step)
}
