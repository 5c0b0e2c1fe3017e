/** Names and attributes of spans, by the stable semantic conventions for HTTP and RPC. */
import type { AttemptStart, SpanEnd, SpanStart } from '../kernel/span.ts'

/** Which side of a request a span stands for. */
export type SpanSide = SpanStart['kind'] | 'client'

/** What attributes may hold here. */
export type SpanAttributes = Record<string, string | number>

const knownMethods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])

/** A name of few different values: the method, and the service where the span is a whole call; gRPC's own full method name. */
export function spanName(side: SpanSide, start: SpanStart): string {
  if (start.protocol === 'grpc') return grpcMethod(start.path)
  const method = knownMethods.has(start.method) ? start.method : 'HTTP'
  return side === 'internal' ? `${method} ${start.service}` : method
}

/** What is known when a span starts. The query stays out: it is where secrets travel. */
export function startAttributes(side: SpanSide, start: SpanStart): SpanAttributes {
  const attributes: SpanAttributes = { 'server.address': start.service }
  if (start.protocol === 'grpc') {
    attributes['rpc.system.name'] = 'grpc'
    attributes['rpc.method'] = grpcMethod(start.path)
    return attributes
  }
  if (knownMethods.has(start.method)) attributes['http.request.method'] = start.method
  else {
    attributes['http.request.method'] = '_OTHER'
    attributes['http.request.method_original'] = start.method
  }
  const path = withoutQuery(start.path)
  attributes['url.scheme'] = 'http'
  if (side === 'server') attributes['url.path'] = path
  else attributes['url.full'] = `http://${start.service}${path}`
  return attributes
}

/** What is known of an attempt besides. */
export function attemptAttributes(start: SpanStart, attempt: AttemptStart): SpanAttributes {
  const attributes = startAttributes('client', start)
  if (attempt.host !== '') {
    attributes['server.port'] = attempt.port
    attributes['network.peer.address'] = attempt.host
    attributes['network.peer.port'] = attempt.port
  }
  if (attempt.attempt > 1 && start.protocol !== 'grpc') attributes['http.request.resend_count'] = attempt.attempt - 1
  if (attempt.version !== '') attributes['zerohop.version'] = attempt.version
  return attributes
}

/** What is known when a span ends. `error.type` is among them exactly where the span counts as failed. */
export function endAttributes(side: SpanSide, protocol: string, end: SpanEnd): SpanAttributes {
  const attributes: SpanAttributes = { 'zerohop.verdict': end.verdict }
  if (end.status !== '') {
    if (protocol === 'grpc') attributes['rpc.status_code'] = end.status
    else attributes['http.response.status_code'] = Number(end.status)
  }
  const errorType = errorTypeOf(side, protocol, end)
  if (errorType !== '') attributes['error.type'] = errorType
  return attributes
}

// A 4xx is an error of the client's span and not of the server's. A reply whose body broke has an error although its status is fine.
function errorTypeOf(side: SpanSide, protocol: string, end: SpanEnd): string {
  if (protocol === 'grpc') {
    if (end.status !== '' && end.status !== 'OK' && (side !== 'server' || end.failed)) return end.status
  } else {
    const status = Number(end.status)
    if (status >= 500) return end.status
    if (status >= 400) return side === 'server' ? '' : end.status
  }
  if (!end.failed) return ''
  return end.code === '' ? end.verdict : end.code
}

function grpcMethod(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path
}

function withoutQuery(path: string): string {
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}
