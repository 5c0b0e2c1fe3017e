/** A Response whose headers and body cost nothing until somebody asks for them. */
import { Stream } from 'node:stream'
import { refusedHeader } from '@zerohop/mesh-core/transport'
import { decoded, isPlain } from './content-coding.ts'
import type { ReplyHeaders } from './http-outcome.ts'
import type { HttpReply } from './http-reply.ts'
import type { IncomingBody } from './incoming-body.ts'
import { drained, joined, spentStream, streamOf } from './response-stream.ts'

/** What a Response says of the request that it answers. */
export interface ResponseOrigin {
  readonly url: string
  readonly redirected: boolean
  readonly method: string
}

type Bytes = Uint8Array<ArrayBuffer>

// A Response that its user forgot must not hold its connection. The body is told, which knows of no Response.
const forgotten = new FinalizationRegistry<IncomingBody>((body) => body.abandon())

const nothing = new Uint8Array(0)
const isDisturbed = (Stream as unknown as { isDisturbed(stream: unknown): boolean }).isDisturbed

/**
 * Behaves as the standard describes a Response, but that its headers may be changed.
 * It inherits from Response without running its constructor: the platform's own state would cost twenty times what all the rest does, and
 * be empty. A method of Response that is not overridden here throws, rather than to answer from that state.
 */
export class MeshResponse implements Response {
  readonly #reply: HttpReply
  readonly #origin: ResponseOrigin
  /** Null where the answer has no body by definition. */
  readonly #incoming: IncomingBody | null
  #headers: Headers | null = null
  #stream: ReadableStream<Bytes> | null = null
  #taken = false

  constructor(reply: HttpReply, origin: ResponseOrigin) {
    this.#reply = reply
    this.#origin = origin
    const { code, body } = reply
    if (origin.method === 'HEAD' || code === 204 || code === 205 || code === 304) {
      this.#incoming = null
      reply.discard()
    } else {
      this.#incoming = body
      if (!body.ended) forgotten.register(this, body, this)
    }
  }

  get type(): ResponseType {
    return 'basic'
  }

  get url(): string {
    return this.#origin.url
  }

  get redirected(): boolean {
    return this.#origin.redirected
  }

  get status(): number {
    return this.#reply.code
  }

  get ok(): boolean {
    return this.#reply.code >= 200 && this.#reply.code < 300
  }

  get statusText(): string {
    return this.#reply.statusText
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#reply.headers)
    return this.#headers
  }

  get body(): ReadableStream<Bytes> | null {
    const incoming = this.#incoming
    if (incoming === null) return null
    if (this.#stream === null) {
      if (this.#taken) this.#stream = spentStream()
      else {
        const body = this.#open(incoming)
        this.#stream = streamOf(body)
        if (!body.ended) forgotten.register(this.#stream, body)
      }
    }
    return this.#stream
  }

  get bodyUsed(): boolean {
    return this.#taken || (this.#stream !== null && isDisturbed(this.#stream))
  }

  async json(): Promise<unknown> {
    return JSON.parse(textOf(this.#ready() ?? (await this.#whole())))
  }

  async text(): Promise<string> {
    return textOf(this.#ready() ?? (await this.#whole()))
  }

  async bytes(): Promise<Bytes> {
    return new Uint8Array(this.#ready() ?? (await this.#whole()))
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(this.#ready() ?? (await this.#whole())).buffer
  }

  async blob(): Promise<Blob> {
    return (await this.#asPlatform()).blob()
  }

  async formData(): Promise<FormData> {
    return (await this.#asPlatform()).formData()
  }

  /** The body as a stream of text, where the platform has such a thing. */
  textStream(): ReadableStream<string> {
    this.#demandUnread()
    return (this.body ?? spentStream()).pipeThrough(new TextDecoderStream())
  }

  clone(): Response {
    if (this.bodyUsed || this.#stream?.locked === true) {
      throw new TypeError('Response.clone: Body has already been consumed.')
    }
    const twin = new MeshResponse(this.#reply, this.#origin)
    twin.#headers = this.#headers === null ? null : new Headers(this.#headers)
    const stream = this.body
    if (stream !== null) {
      // The stream is what must be forgotten from here on, by both branches: not either Response.
      forgotten.unregister(twin)
      const branches = stream.tee()
      this.#stream = branches[0]
      twin.#stream = branches[1]
    }
    return twin
  }

  // The body to read from now on: whether it is abandoned is no longer a question of this object being reachable.
  #open(incoming: IncomingBody): IncomingBody {
    forgotten.unregister(this)
    const coding = this.#reply.headers['content-encoding']
    return coding === undefined || isPlain(coding) ? incoming : decoded(incoming, coding)
  }

  #demandUnread(): void {
    if (this.bodyUsed || this.#stream?.locked === true) {
      throw new TypeError('Body is unusable: Body has already been read')
    }
  }

  // The bytes, where all are here and nothing has to be undone; null where that has to be waited for.
  #ready(): Uint8Array | null {
    this.#demandUnread()
    const incoming = this.#incoming
    if (incoming === null) return nothing
    this.#taken = true
    if (!incoming.ended || this.#stream !== null || !isPlain(this.#reply.headers['content-encoding'])) return null
    return joined(incoming.take())
  }

  async #whole(): Promise<Uint8Array> {
    if (this.#stream !== null) return joined(await drained(this.#stream))
    return joined(await this.#open(this.#incoming as IncomingBody).collect())
  }

  // For what is rare and intricate, the types of Blobs and the parsing of forms, the platform's own Response is asked.
  async #asPlatform(): Promise<Response> {
    const bytes = await this.bytes()
    const type = this.headers.get('content-type')
    return new Response(bytes, type === null ? {} : { headers: { 'content-type': type } })
  }
}

Object.setPrototypeOf(MeshResponse.prototype, Response.prototype)

function headersOf(reply: ReplyHeaders): Headers {
  const headers = new Headers()
  for (const name of Object.keys(reply)) {
    if (name === refusedHeader) continue
    const value = reply[name]
    if (typeof value === 'string') headers.append(name, value)
    else if (value !== undefined) for (const one of value) headers.append(name, one)
  }
  return headers
}

function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const hasMark = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf
  return buffer.toString('utf8', hasMark ? 3 : 0)
}
