/** Asks another service for JSON. */
import { Problem } from './problem.ts'

/** A service's answer: its status, its JSON, its headers. */
export interface Asked<T> {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

/** What stands between a question and its reply: the sentence of the mesh where there is one. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** What a service says of itself in a reply that is no success. */
function complaint(status: number, text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return error
  } catch {
    // Not JSON: a refusal from elsewhere. The status says enough.
  }
  return `answered ${status}`
}

/** How one service asks the others: bound to the `fetch` of its mesh. */
export function asker(fetch: typeof globalThis.fetch) {
  /**
   * Sends a request; an object in `init.json` becomes its body.
   * @throws Problem 503 where no reply came, or the reply's own status where that is 400 or above
   */
  return async function ask<T>(url: string, init: RequestInit & { json?: unknown } = {}): Promise<Asked<T>> {
    const { json, ...rest } = init
    const headers = new Headers(rest.headers)
    if (json !== undefined) headers.set('content-type', 'application/json')
    const request: RequestInit = json === undefined ? { ...rest, headers } : { ...rest, headers, body: JSON.stringify(json) }
    let reply: Response
    let text: string
    try {
      reply = await fetch(url, request)
      text = await reply.text()
    } catch (error) {
      throw new Problem(503, reason(error), error)
    }
    if (reply.status >= 400) throw new Problem(reply.status, `${new URL(url).hostname}: ${complaint(reply.status, text)}`)
    try {
      return { status: reply.status, body: JSON.parse(text) as T, headers: reply.headers }
    } catch (error) {
      throw new Problem(502, `${new URL(url).hostname} answered no JSON`, error)
    }
  }
}
