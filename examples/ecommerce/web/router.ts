/** Turns a table of pages into a (req, res) application: JSON in, JSON out. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Problem } from './problem.ts'

/** What a page is given. */
export interface PageRequest {
  /** The named parts of the path: `sku` of `/products/:sku`. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** Aborts when the caller left before the answer. */
  readonly left: AbortSignal
  /** The body as JSON. @throws Problem 400 or 413 */
  json(): Promise<unknown>
}

/** What a page answers; an object is sent as JSON, a string as it is. */
export interface Answer {
  /** Default 200. */
  readonly status?: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Pages by method and path: `'GET /products/:sku'`. */
export type Pages = Readonly<Record<string, (request: PageRequest) => Answer | Promise<Answer>>>

interface Route {
  readonly method: string
  readonly parts: readonly string[]
  readonly page: Pages[string]
}

const maxBodyBytes = 64 * 1024

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new Problem(413, `the body must not exceed ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new Problem(400, 'the body must be JSON', error)
  }
}

function match(parts: readonly string[], asked: readonly string[]): Record<string, string> | null {
  if (parts.length !== asked.length) return null
  const params: Record<string, string> = {}
  for (const [index, part] of parts.entries()) {
    const given = asked[index] as string
    if (part.startsWith(':')) params[part.slice(1)] = given
    else if (part !== given) return null
  }
  return params
}

function send(res: ServerResponse, answer: Answer): void {
  const isText = typeof answer.body === 'string'
  const body = isText ? (answer.body as string) : JSON.stringify(answer.body)
  res.writeHead(answer.status ?? 200, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(body),
    ...answer.headers,
  })
  res.end(body)
}

async function find(routes: readonly Route[], req: IncomingMessage, res: ServerResponse): Promise<Answer> {
  const url = new URL(req.url ?? '/', 'http://shop')
  const asked = url.pathname.split('/').map((part) => decodePart(part))
  for (const { method, parts, page } of routes) {
    const params = method === req.method ? match(parts, asked) : null
    if (params === null) continue
    const left = new AbortController()
    // A response that ended in peace closes too: aborting then would harm nobody, but costs an error object per request.
    res.once('close', () => res.writableFinished || left.abort())
    return page({ params, query: url.searchParams, headers: req.headers, left: left.signal, json: () => readJson(req) })
  }
  throw new Problem(404, `there is no page ${req.method} ${url.pathname}`)
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    throw new Problem(400, 'the path must be percent-encoded UTF-8', error)
  }
}

/** The application of these pages. */
export function router(pages: Pages): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const routes = Object.entries(pages).map(([key, page]): Route => {
    const [method = '', path = ''] = key.split(' ')
    return { method, parts: path.split('/'), page }
  })
  return async (req, res) => {
    try {
      send(res, await find(routes, req, res))
    } catch (error) {
      if (res.destroyed || res.headersSent) return
      if (!(error instanceof Problem)) console.error(error)
      send(
        res,
        error instanceof Problem
          ? { status: error.status, body: { error: error.message } }
          : { status: 500, body: { error: 'this page failed' } },
      )
    }
  }
}
