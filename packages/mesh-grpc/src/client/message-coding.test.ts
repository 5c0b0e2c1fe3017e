/** Tests of what messages go through on their way: compression, and bounds. */
import { buffer } from 'node:stream/consumers'
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { compressionAlgorithms, Metadata, status as Status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { caller, echoing, http2Upstream, upstream } from './upstream-under-test.ts'

const codings = [
  ['gzip', compressionAlgorithms.gzip, gzipSync, gunzipSync],
  ['deflate', compressionAlgorithms.deflate, deflateSync, inflateSync],
] as const

test.each(codings)(
  'are compressed by %s on the wire both ways, and said to be, where both ends are told so',
  async (name, algorithm, pack, unpack) => {
    const seen: unknown[] = []
    await using server = await http2Upstream(async (stream, _session, headers) => {
      const frame = await buffer(stream)
      const packed = frame.subarray(5)
      seen.push(headers['grpc-encoding'], frame[0], frame.readUInt32BE(1) === packed.length, packed.length < 1000)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': name }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      const answer = pack(unpack(packed))
      stream.end(Buffer.concat([Buffer.from([1, 0, 0, answer.length >> 8, answer.length & 255]), answer]))
    })
    await using shop = await caller([server.address], { channel: { 'grpc.default_compression_algorithm': algorithm } })
    const long = Buffer.alloc(200_000, 'a')
    const ended = await shop.client.unary(long)
    expect([ended.code, ended.messages[0]?.equals(long), ended.head?.get('grpc-encoding')]).toEqual([Status.OK, true, []])
    expect(seen).toEqual([name, 1, true, true])
  },
)

test.each(codings)('that are compressed by %s are read by a server of grpc-js', async (_name, algorithm) => {
  await using server = await upstream(echoing)
  await using shop = await caller([server.address], { channel: { 'grpc.default_compression_algorithm': algorithm } })
  const { call, ended } = shop.client.talk()
  for (let n = 0; n < 3; n++) call.write(Buffer.alloc(50_000, String(n)))
  call.end()
  const talk = await ended
  expect([talk.code, talk.messages.map((message) => [message.length, message[0]])]).toEqual([
    Status.OK,
    [0, 1, 2].map((n) => [50_000, 48 + n]),
  ])
})

test('larger than the program lets them be go neither up nor down, and no server is to blame', async () => {
  await using server = await upstream({ unary: (_call, callback) => callback(null, Buffer.alloc(3000)) })
  const limits = { 'grpc.max_send_message_length': 1000, 'grpc.max_receive_message_length': 2000 }
  await using shop = await caller([server.address], {
    channel: limits,
    policy: { retry: { attempts: 3, on: ['throttled'] }, breaker: { consecutiveFailures: 1 } },
  })
  const metadata = new Metadata({ idempotentRequest: true })
  const up = await shop.client.unary(Buffer.alloc(1001), { metadata })
  expect([up.code, up.details]).toEqual([Status.RESOURCE_EXHAUSTED, 'Attempted to send message with a size larger than 1000'])
  for (let n = 0; n < 3; n++) {
    const down = await shop.client.unary(Buffer.alloc(10), { metadata })
    expect([down.code, down.details]).toEqual([Status.RESOURCE_EXHAUSTED, 'Received message larger than max (3000 vs 2000)'])
  }
  expect(await shop.mesh.metrics()).toMatch(/zerohop_calls_total\{[^}]*verdict="rejected"[^}]*\} 3/)
})

test.each([
  ['compressed', { coding: 'gzip', message: gzipSync('hello') }, [Status.OK, 'hello', '']],
  ['compressed to nothing much', { coding: 'deflate', message: deflateSync(Buffer.alloc(5)) }, [Status.OK, '\0'.repeat(5), '']],
  [
    'that grow beyond bounds when they are decompressed',
    { coding: 'gzip', message: gzipSync(Buffer.alloc(1_000_000)) },
    [Status.RESOURCE_EXHAUSTED, '', 'Received message that decompresses to a size larger than 10000'],
  ],
  [
    'that are no gzip',
    { coding: 'gzip', message: Buffer.from('hello') },
    [Status.INTERNAL, '', 'Failed to decompress gzip-encoded message'],
  ],
  [
    'compressed in a way that nobody agreed on',
    { coding: 'br', message: Buffer.from('hello') },
    [Status.INTERNAL, '', 'Received a compressed message, but "grpc-encoding" was br'],
  ],
])('%s come to their end', async (_name, { coding, message }, expected) => {
  await using server = await http2Upstream((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': coding }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    const frame = Buffer.alloc(5)
    frame[0] = 1
    frame.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([frame, message]))
  })
  await using shop = await caller([server.address], { channel: { 'grpc.max_receive_message_length': 10_000 } })
  const ended = await shop.client.unary('')
  expect([ended.code, String(ended.messages), ended.details]).toEqual(expected)
})

test.each([
  ['a cold connection', false],
  ['a warm connection', true],
])('of a serializer that returns no Buffer go over %s like any other', async (_name, isWarm) => {
  await using server = await upstream(echoing)
  await using shop = await caller([server.address])
  if (isWarm) await shop.client.unary('')
  const serialized = (value: unknown): Promise<unknown> =>
    new Promise((resolve) =>
      shop.client.makeUnaryRequest(
        '/test.Bytes/unary',
        () => value as Buffer,
        String,
        null,
        (error, answer) => resolve(error === null ? answer : [error.code, error.details]),
      ),
    )
  const answers = ['hello', Buffer.from('hello'), new TextEncoder().encode('hello')].map(serialized)
  expect(await Promise.all(answers)).toEqual([
    [Status.INTERNAL, 'Request message serialization failure: the serializer returned no Uint8Array, but a string'],
    'hello',
    'hello',
  ])
})

test('of one megabyte and more go through whole', async () => {
  await using server = await upstream(echoing)
  await using shop = await caller([server.address])
  const large = Buffer.alloc(3_000_000, 'x')
  const ended = await shop.client.unary(large)
  expect([ended.code, ended.messages[0]?.length]).toEqual([Status.OK, large.length])
})

test('are sent plain, and said to be, in the attempt after a server has said that it does not understand their coding', async () => {
  const named: unknown[] = []
  await using server = await http2Upstream((stream, _session, headers) => {
    named.push(headers['grpc-encoding'])
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' }, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': Status.UNAVAILABLE }))
    stream.end()
  })
  const policy = { retry: { attempts: 2, backoff: { base: 0, cap: 0 } } }
  await using shop = await caller([server.address], { policy, channel: { 'grpc.default_compression_algorithm': 2 } })
  const metadata = new Metadata({ idempotentRequest: true })
  expect((await shop.client.unary('hello', { metadata })).code).toBe(Status.UNAVAILABLE)
  expect(named).toEqual(['gzip', undefined])
})
