/** Stands between clients and their control API, and changes what polls say and what they are answered. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What is changed; everything else goes through. */
export interface Rewriting {
  /** Changes the parameters of a poll. */
  readonly poll?: (query: URLSearchParams) => void
  /** Changes a document on its way to the client. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reaches into it
  readonly document?: (document: any) => void
}

/** One per test. */
export class RewritingProxy implements AsyncDisposable {
  /** Documents as they went on to clients. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into them
  readonly documents: any[] = []
  rewriting: Rewriting
  readonly #to: string
  readonly #server = createServer((request, response) => void this.#pass(request, response))

  constructor(to: string, rewriting: Rewriting) {
    this.#to = to
    this.rewriting = rewriting
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close().closeAllConnections()
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    try {
      const url = new URL(request.url as string, this.#to)
      const isPoll = url.pathname.startsWith('/v1/documents/')
      if (isPoll) this.rewriting.poll?.(url.searchParams)
      const { method = 'GET', headers } = request
      const body = Buffer.concat(await request.toArray())
      const answer = await fetch(url, {
        method,
        headers: { authorization: headers.authorization ?? '', 'content-type': headers['content-type'] ?? 'text/plain' },
        ...(body.length === 0 ? {} : { body }),
        signal: gone.signal,
      })
      const version = answer.headers.get('zerohop-version')
      response.writeHead(answer.status, version === null ? {} : { 'zerohop-version': version })
      const text = await answer.text()
      response.end(isPoll && answer.status === 200 ? this.#rewritten(text) : text)
    } catch {
      response.destroy()
    }
  }

  #rewritten(text: string): string {
    const document = JSON.parse(text)
    this.rewriting.document?.(document)
    this.documents.push(document)
    return JSON.stringify(document)
  }
}
