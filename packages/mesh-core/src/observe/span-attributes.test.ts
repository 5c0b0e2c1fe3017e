/** Spans are named and described by the stable conventions, and hold no secrets. */
import { describe, expect, it } from 'vitest'
import type { SpanEnd, SpanStart } from '../kernel/span.ts'
import { attemptAttributes, endAttributes, spanName, startAttributes } from './span-attributes.ts'

const get: SpanStart = { kind: 'internal', protocol: 'http', service: 'cart', method: 'GET', path: '/items/42?token=secret', parent: null }
const rpc: SpanStart = { kind: 'internal', protocol: 'grpc', service: 'cart', method: 'Get', path: '/shop.Cart/Get', parent: null }
const answered: SpanEnd = { verdict: 'ok', status: '200', code: '', failed: false, attempt: 1, endpoint: '10.0.0.7:8080' }

describe('a span of HTTP', () => {
  it('has a name of few different values', () => {
    expect([spanName('client', get), spanName('server', get), spanName('internal', get)]).toEqual(['GET', 'GET', 'GET cart'])
    expect(spanName('client', { ...get, method: 'PROPFIND' })).toBe('HTTP')
  })

  it('tells an unknown method apart from the known ones', () => {
    expect(startAttributes('client', { ...get, method: 'get' })).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'get',
    })
  })

  it('says where an attempt went, and which one it was', () => {
    expect(attemptAttributes(get, { attempt: 2, host: '10.0.0.7', port: 8080, version: 'v2' })).toEqual({
      'server.address': 'cart',
      'server.port': 8080,
      'network.peer.address': '10.0.0.7',
      'network.peer.port': 8080,
      'http.request.method': 'GET',
      'http.request.resend_count': 1,
      'url.scheme': 'http',
      'url.full': 'http://cart/items/42',
      'zerohop.version': 'v2',
    })
  })

  it('says of a first attempt that went nowhere no more than is known', () => {
    const attributes = attemptAttributes(get, { attempt: 1, host: '', port: 0, version: '' })
    expect(Object.keys(attributes).sort()).toEqual(['http.request.method', 'server.address', 'url.full', 'url.scheme'])
  })

  it('leaves the query out on both sides', () => {
    expect(JSON.stringify([startAttributes('client', get), startAttributes('server', get)])).not.toContain('secret')
    expect(startAttributes('server', get)['url.path']).toBe('/items/42')
  })
})

describe('the end of a span', () => {
  const type = (side: 'client' | 'server' | 'internal', end: Partial<SpanEnd>, protocol = 'http'): unknown =>
    endAttributes(side, protocol, { ...answered, ...end })['error.type']

  it('has no error for an answer as asked, nor where the caller left', () => {
    expect(endAttributes('client', 'http', answered)).toEqual({ 'zerohop.verdict': 'ok', 'http.response.status_code': 200 })
    expect(type('client', { verdict: 'cancelled', status: '', code: 'CANCELLED' })).toBeUndefined()
  })

  it('is an error of the client for 4xx, and of both for 5xx', () => {
    const rejected = { verdict: 'rejected', status: '404' }
    expect([type('client', rejected), type('internal', rejected), type('server', rejected)]).toEqual(['404', '404', undefined])
    expect(type('server', { verdict: 'throttled', status: '429', failed: true })).toBeUndefined()
    expect(type('server', { verdict: 'fault', status: '500', failed: true })).toBe('500')
  })

  it('names the mesh’s own code where there was no reply, and the verdict where the body broke', () => {
    const refused = endAttributes('internal', 'http', { ...answered, verdict: 'refused', status: '', code: 'BREAKER_OPEN', failed: true })
    expect(refused).toEqual({ 'zerohop.verdict': 'refused', 'error.type': 'BREAKER_OPEN' })
    expect(type('client', { verdict: 'broken', failed: true })).toBe('broken')
  })
})

describe('a span of gRPC', () => {
  it('is named by the full method', () => {
    expect(spanName('client', rpc)).toBe('shop.Cart/Get')
    expect(startAttributes('client', rpc)).toEqual({ 'server.address': 'cart', 'rpc.system.name': 'grpc', 'rpc.method': 'shop.Cart/Get' })
  })

  it('fails the client for any status but OK, the server for its own faults only', () => {
    const missing = { ...answered, verdict: 'rejected', status: 'NOT_FOUND' }
    expect(endAttributes('client', 'grpc', missing)).toMatchObject({ 'rpc.status_code': 'NOT_FOUND', 'error.type': 'NOT_FOUND' })
    expect(endAttributes('server', 'grpc', missing)).not.toHaveProperty('error.type')
    expect(endAttributes('server', 'grpc', { ...missing, status: 'INTERNAL', failed: true })['error.type']).toBe('INTERNAL')
    expect(endAttributes('client', 'grpc', { ...answered, status: 'OK' })).not.toHaveProperty('error.type')
  })
})
