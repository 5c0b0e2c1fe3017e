import { once } from 'node:events'
import http2 from 'node:http2'
import { duplexPair } from 'node:stream'
import { Metadata, status as Status } from '@grpc/grpc-js'
import { currentAmbient, partsOf } from '@zerohop/mesh-core/transport'
import { afterEach, expect, it } from 'vitest'
import { GrpcInbound } from './grpc-inbound.ts'
import type { OpenSession } from './open-sessions.ts'
import { ServersUnderTest } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { serve } = servers
afterEach(() => servers.close())

/** What a caller of bare HTTP/2 hears: the status of HTTP and that of gRPC. */
async function bare(address: string, headers: http2.OutgoingHttpHeaders): Promise<[unknown, unknown]> {
  const session = http2.connect(`http://${address}`)
  const stream = session.request({ ':method': 'POST', ...headers })
  stream.resume().end()
  const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  session.destroy()
  return [head[':status'], head['grpc-status']]
}

it('what is no gRPC is told so, whether there is such a path or not', async () => {
  const { server } = await serve({})
  for (const path of ['/test.Words/unary', '/index.html', '/']) {
    expect(await bare(server.address, { ':path': path })).toEqual([415, undefined])
  }
})

it('hostile paths, timeouts, traces and baggage harm nobody but their call', async () => {
  const seen: unknown[] = []
  const { server } = await serve({
    unary: (_, callback) => {
      const ambient = currentAmbient()
      seen.push([ambient?.baggage, ambient?.deadlineAt])
      callback(null, 'x')
    },
  })
  const grpc = { 'content-type': 'application/grpc' }
  for (const path of [
    '//',
    '/unary',
    `/${'a'.repeat(10_000)}`,
    '/test.Words/unary/',
    '/test.Words/unary?x',
    '/__proto__',
    '/constructor',
  ]) {
    expect(await bare(server.address, { ...grpc, ':path': path })).toEqual([200, String(Status.UNIMPLEMENTED)])
  }
  const path = '/test.Words/unary'
  const huge = { baggage: 'x'.repeat(9000), traceparent: 'ff', tracestate: ','.repeat(99) }
  expect(await bare(server.address, { ...grpc, ':path': path, ...huge })).toEqual([200, String(Status.UNIMPLEMENTED)])
  expect(await bare(server.address, { ...grpc, ':path': path, 'grpc-timeout': 'soon' })).toEqual([200, String(Status.INTERNAL)])
  expect(await bare(server.address, { ...grpc, ':path': path, 'grpc-timeout': '0m' })).toEqual([200, String(Status.DEADLINE_EXCEEDED)])
  expect(seen).toEqual([])
})

it('a call without a timeout has no deadline, and one with it has', async () => {
  const left: number[] = []
  const { client, mesh } = await serve({
    unary: (_, callback) => {
      left.push(currentAmbient()?.deadlineAt as number)
      callback(null, 'x')
    },
  })
  await client.unary('a')
  await client.unary('a', { deadline: Date.now() + 5000 })
  expect(left[0]).toBe(Number.POSITIVE_INFINITY)
  expect(left[1]).toBeLessThan(performance.now() + 5000)
  expect(await mesh.metrics()).toContain('grpc')
})

it.each(['2592000S', '999H', '99999999H', '999999999H', '99999999 M'])(
  'a caller with %s is served, and has no deadline',
  async (timeout) => {
    const left: unknown[] = []
    const { server } = await serve({
      unary: (call, callback) => {
        left.push(currentAmbient()?.deadlineAt, call.getDeadline())
        callback(null, 'x')
      },
    })
    const session = http2.connect(`http://${server.address}`)
    const grpc = { ':method': 'POST', ':path': '/test.Words/unary', 'content-type': 'application/grpc' }
    const stream = session.request({ ...grpc, 'grpc-timeout': timeout })
    stream.resume().end(Buffer.from([0, 0, 0, 0, 1, 97]))
    const [trailers] = (await once(stream, 'trailers')) as [http2.IncomingHttpHeaders]
    session.destroy()
    expect([trailers['grpc-status'], left]).toEqual([String(Status.OK), [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]])
  },
)

it('rules read metadata by its names, repeated fields joined', async () => {
  const allow = [{ headers: { 'x-role': { exact: 'admin, root' } } }]
  const { client } = await serve({ unary: (_, callback) => callback(null, 'x') }, { policy: { access: { allow } } })
  const metadata = new Metadata()
  metadata.add('x-role', 'admin')
  expect((await client.unary('a', { metadata })).code).toBe(Status.PERMISSION_DENIED)
  metadata.add('x-role', 'root')
  expect((await client.unary('a', { metadata })).code).toBe(Status.OK)
})

it('a call over a connection that a certificate does not cover any more may go elsewhere, and the connection ends', async () => {
  const { mesh } = await serve({})
  const inbound = new GrpcInbound({ parts: partsOf(mesh), health: true })
  let hasLeft = false
  const session = { isExpired: true, leave: () => (hasLeft = true) } as unknown as OpenSession
  const [near, far] = duplexPair()
  http2.performServerHandshake(far).on('stream', (stream, headers) => inbound.take({ stream, headers, session }, null as never))
  const client = http2.connect('http://cart', { createConnection: () => near })
  const stream = client.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc' })
  const [head] = (await once(stream.end(), 'response')) as [http2.IncomingHttpHeaders]
  expect([head['grpc-status'], head['zerohop-refused'], hasLeft]).toEqual([String(Status.UNAVAILABLE), 'connection', true])
  client.destroy()
})
