/** What a redirect does to a request, by the rules of the fetch standard. */
import type { FetchRequest } from './fetch-request.ts'
import { targetOf } from './http-url.ts'
import { OneShotBody } from './one-shot-body.ts'

/** The standard's bound on redirects of one request. */
export const mostRedirects = 20

const redirecting = new Set([301, 302, 303, 307, 308])

// What describes a body goes with it.
const ofBody = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']
// What was meant for one origin is not for another.
const ofOrigin = ['authorization', 'proxy-authorization', 'cookie']

/** True where an answer sends the request elsewhere. */
export function isRedirect(code: number, location: string | null): location is string {
  return redirecting.has(code) && location !== null
}

/**
 * Turns `request` into the one that goes where `location` says.
 * @throws TypeError 'fetch failed' where the standard ends the request with a network error
 */
export function redirectTo(request: FetchRequest, code: number, location: string): void {
  const base = request.target.href
  // Servers write UTF-8 into a field that is Latin-1 by its standard, and browsers follow them.
  const text = /^[\x20-\x7e]*$/.test(location) ? location : Buffer.from(location, 'latin1').toString('utf8')
  const url = URL.parse(text, base)
  if (url === null) throw failed(`the redirect to ${JSON.stringify(text)} names no URL`)
  const target = targetOf(url)
  if (target === null) throw failed(`the redirect to ${url.protocol}//${url.host} has credentials, or a scheme other than http and https`)
  if (code !== 303 && request.body instanceof OneShotBody) throw failed('a body that is a stream cannot be sent again after a redirect')
  const { method } = request
  if (((code === 301 || code === 302) && method === 'POST') || (code === 303 && method !== 'GET' && method !== 'HEAD')) {
    request.method = 'GET'
    request.body = null
    request.headers.remove(ofBody)
  }
  if (url.origin !== new URL(base).origin) request.headers.remove(ofOrigin)
  request.target = target
}

/** Takes from the caller's own timeout what a hop took: it is for the whole call, however often that is sent elsewhere. */
export function spendTime(request: FetchRequest, tookMs: number): void {
  // Not 0, which stands for none: what has no time left expires at once.
  if (request.timeoutMs > 0) request.timeoutMs = Math.max(Number.MIN_VALUE, request.timeoutMs - tookMs)
}

/** How fetch reports what went wrong below it. */
export function failed(cause: string | Error): TypeError {
  return new TypeError('fetch failed', { cause: typeof cause === 'string' ? new Error(cause) : cause })
}
