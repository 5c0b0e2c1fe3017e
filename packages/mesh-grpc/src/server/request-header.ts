/** One metadata field of a call, as the rules of a policy read it. */
import type { IncomingHttpHeaders } from 'node:http2'

/** The value of a field by its lower-case name: repeated ones joined by a comma, null for none. */
export function requestHeader(headers: IncomingHttpHeaders, name: string): string | null {
  // HTTP/2 writes the host as a pseudo-header, which counts where a caller sends both (RFC 9113, 8.3.1); others are no fields.
  if (name === 'host') return headers[':authority'] ?? headers.host ?? null
  const value = name.startsWith(':') ? undefined : headers[name]
  if (value === undefined) return null
  return typeof value === 'string' ? value : value.join(', ')
}
