/** The metadata of a program as the headers of a stream, without what would break the stream or the connection under it. */
import type { OutgoingHttpHeaders } from 'node:http2'
import type { Metadata } from '@grpc/grpc-js'
import { refusedHeader } from '@zerohop/mesh-core/transport'

const dropped: ReadonlySet<string> = new Set([
  // Written by the mesh or by the protocol.
  'grpc-timeout',
  'grpc-previous-rpc-attempts',
  'grpc-encoding',
  'grpc-accept-encoding',
  'accept-encoding',
  'zerohop-timeout',
  'zerohop-attempt',
  refusedHeader,
  // HTTP/2 has none of these (RFC 9113, 8.2.2), and node gives up the whole connection for one. A gateway that hands on all that it received has
  // them.
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
  'host',
  'content-length',
])

// Node refuses a list of values for these, and gives up the connection as well.
const singular: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
])

/** A copy of `metadata` as headers. */
export function headersOf(metadata: Metadata): OutgoingHttpHeaders {
  const headers = metadata.toHttp2Headers()
  for (const name of Object.keys(headers)) {
    if (dropped.has(name)) delete headers[name]
    else headers[name] = sayable(name, headers[name])
  }
  return headers
}

/** A copy of `headers` with `more` of them; what both say is said by both. */
export function withMore(headers: OutgoingHttpHeaders, more: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const all = { ...headers }
  for (const [name, value] of Object.entries(more)) {
    all[name] = name in headers ? sayable(name, [headers[name], value].flat() as string[]) : value
  }
  return all
}

function sayable(name: string, value: OutgoingHttpHeaders[string]): OutgoingHttpHeaders[string] {
  return typeof value === 'object' && singular.has(name) ? value.join(', ') : value
}
