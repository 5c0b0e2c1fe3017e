/** One header of a request, as the rules of a policy read it. */
import type { IncomingMessage } from 'node:http'

/** The value of a header by its lower-case name: repeated ones joined by a comma, null for none. */
export function requestHeader(request: IncomingMessage, name: string): string | null {
  return request.headersDistinct[name]?.join(', ') ?? null
}
