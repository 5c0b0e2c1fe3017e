/** What a scripted service answers in a test: whole, slow, cut off, or never. */

/** One step of a scripted body: bytes to send, or a pause in ms. */
export type BodyStep = Uint8Array | number

/** How a scripted answer ends. */
export type ReplyEnding = 'whole' | 'never' | 'broken-head' | 'broken-body'

/** An answer as data; the in-memory transport plays it, and so does the one over byte streams. */
export class ScriptedReply {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly steps: readonly BodyStep[]
  /** `broken-head` loses the connection before the head, `broken-body` after the last step, `never` sends nothing at all. */
  readonly ending: ReplyEnding
  /** Waits this long before the head, in ms. */
  readonly delayMs: number

  constructor(start: ReplyStart) {
    this.status = start.status
    this.headers = start.headers
    this.steps = start.steps
    this.ending = start.ending
    this.delayMs = start.delayMs
  }
}

/** The fields of a {@link ScriptedReply}. */
export interface ReplyStart {
  status: number
  headers: readonly (readonly [name: string, value: string])[]
  steps: readonly BodyStep[]
  ending: ReplyEnding
  delayMs: number
}

/** Headers as a test writes them. */
export type ReplyHeadersInit = Readonly<Record<string, string | readonly string[]>>

/** Makes scripted answers: `reply(503)`, `reply.json({ stock: 3 })`, `reply.never()`. */
export interface ReplyMaker {
  /** An answer with a status, and perhaps a body and headers. */
  (status: number, body?: string | Uint8Array, headers?: ReplyHeadersInit): ScriptedReply
  /** JSON with status 200 unless `init` says otherwise. */
  json(value: unknown, init?: { status?: number; headers?: ReplyHeadersInit }): ScriptedReply
  /** A 200 whose body comes in pieces; a number among them is a pause in ms. */
  stream(...steps: (string | Uint8Array | number)[]): ScriptedReply
  /** No answer at all, until the caller gives up. */
  never(): ScriptedReply
  /** The connection is lost before the head, or within the body after the first bytes of it. */
  broken(how: { at: 'head' | 'body'; body?: string | Uint8Array }): ScriptedReply
  /** The same answer `ms` milliseconds later. */
  delayed(ms: number, answer: ScriptedReply): ScriptedReply
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body
}

function pairs(headers: ReplyHeadersInit): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one as string]))
}

function whole(status: number, body: string | Uint8Array = '', headers: ReplyHeadersInit = {}): ScriptedReply {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`reply: status must be a whole number from 200 to 599, not ${status}`)
  }
  const bytes = bytesOf(body)
  return new ScriptedReply({
    status,
    headers: pairs(headers),
    steps: bytes.byteLength === 0 ? [] : [bytes],
    ending: 'whole',
    delayMs: 0,
  })
}

/** Makes scripted answers for services in tests. */
export const reply: ReplyMaker = Object.assign(whole, {
  json: (value: unknown, init: { status?: number; headers?: ReplyHeadersInit } = {}): ScriptedReply =>
    whole(init.status ?? 200, JSON.stringify(value), { 'content-type': 'application/json', ...init.headers }),
  stream: (...steps: (string | Uint8Array | number)[]): ScriptedReply =>
    new ScriptedReply({ ...whole(200), steps: steps.map((step) => (typeof step === 'number' ? step : bytesOf(step))) }),
  never: (): ScriptedReply => new ScriptedReply({ ...whole(200), ending: 'never' }),
  broken: (how: { at: 'head' | 'body'; body?: string | Uint8Array }): ScriptedReply =>
    new ScriptedReply({ ...whole(200, how.body ?? 'cut'), ending: how.at === 'head' ? 'broken-head' : 'broken-body' }),
  delayed: (ms: number, answer: ScriptedReply): ScriptedReply => new ScriptedReply({ ...answer, delayMs: answer.delayMs + ms }),
})
