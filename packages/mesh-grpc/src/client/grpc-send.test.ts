/** Tests of calls of all four kinds over real sockets, against plain servers of grpc-js. */
import { credentials, type Metadata, status as Status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { bytes, metadataOf, until } from './bytes-client-under-test.ts'
import { caller, echoing, upstream } from './upstream-under-test.ts'

describe.each([
  ['a channel that knows nothing of its service', {}],
  ['a channel that knows its service', { definition: bytes }],
])('over %s', (_name, channel) => {
  it('a unary call gets its answer', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address], { channel })
    const ended = await shop.client.unary('hello')
    expect([ended.code, String(ended.messages)]).toEqual([Status.OK, 'hello'])
    expect(ended.head?.get('grpc-accept-encoding')).toEqual([])
  })

  it('a stream of requests gets one answer', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address], { channel })
    const { call, ended } = shop.client.gather()
    for (const word of ['a', 'b', 'c']) call.write(Buffer.from(word))
    call.end()
    expect(await ended.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, 'abc'])
  })

  it('a stream of no requests gets one answer', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address], { channel })
    const { call, ended } = shop.client.gather()
    call.end()
    expect(await ended.then(({ code, messages }) => [code, messages.length])).toEqual([Status.OK, 1])
  })

  it('one request gets a stream of answers, an empty one too', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address], { channel })
    expect(await shop.client.scatter('abc').ended.then(({ code, messages }) => [code, messages.join('')])).toEqual([Status.OK, 'abc'])
    expect(await shop.client.scatter('').ended.then(({ code, messages }) => [code, messages])).toEqual([Status.OK, []])
  })

  it('two streams go both ways, each message in its time', async () => {
    await using server = await upstream(echoing)
    await using shop = await caller([server.address], { channel })
    const { call, ended } = shop.client.talk()
    const answers: string[] = []
    call.on('data', (message: Buffer) => answers.push(String(message)))
    for (const word of ['a', 'b', 'c']) {
      const before = answers.length
      call.write(Buffer.from(word))
      await until(() => answers.length > before)
    }
    call.end()
    expect(await ended.then(({ code }) => [code, answers])).toEqual([Status.OK, ['a', 'b', 'c']])
  })

  it('a stream that is read by a loop before anything is written starts all the same', async () => {
    await using server = await upstream({
      talk: (call) => {
        call.write(Buffer.from('first'))
        echoing.talk(call)
      },
    })
    await using shop = await caller([server.address], { channel })
    const call = shop.client.makeBidiStreamRequest<Buffer, Buffer>('/test.Bytes/talk', Buffer.from, Buffer.from)
    const answers: string[] = []
    for await (const message of call) {
      answers.push(String(message))
      if (answers.length === 1) call.write(Buffer.from('second'))
      else call.end()
    }
    expect(answers).toEqual(['first', 'second'])
  })

  it('a head that comes long before the first message of a stream is there at once', async () => {
    let go: (() => void) | undefined
    await using server = await upstream({
      scatter: (call) => {
        call.sendMetadata(metadataOf({ 'x-watch': '7' }))
        go = () => call.end()
      },
    })
    await using shop = await caller([server.address], { channel })
    const { call, ended } = shop.client.scatter('x')
    const head = await new Promise<Metadata>((resolve) => call.once('metadata', resolve))
    expect(head.get('x-watch')).toEqual(['7'])
    go?.()
    expect((await ended).code).toBe(Status.OK)
  })
})

describe('metadata', () => {
  it('goes both ways, bytes and several values too, in head and trailers', async () => {
    const seen: Metadata[] = []
    await using server = await upstream({
      unary: (call, callback) => {
        seen.push(call.metadata)
        call.sendMetadata(metadataOf({ 'x-head': 'h', 'x-head-bin': Buffer.from([0, 255]) }))
        callback(null, Buffer.from('ok'), metadataOf({ 'x-tail': 't', 'x-tail-bin': Buffer.from([1, 254]) }))
      },
    })
    await using shop = await caller([server.address])
    const metadata = metadataOf({ 'x-one': '1', 'x-bin': Buffer.from([0, 1, 2]) })
    metadata.add('x-two', 'a')
    metadata.add('x-two', 'b')
    const ended = await shop.client.unary('', { metadata })
    expect(seen[0]?.get('x-bin')).toEqual([Buffer.from([0, 1, 2])])
    expect([seen[0]?.get('x-one'), seen[0]?.get('x-two').join(', ')]).toEqual([['1'], 'a, b'])
    expect([ended.head?.get('x-head'), ended.head?.get('x-head-bin')]).toEqual([['h'], [Buffer.from([0, 255])]])
    expect([ended.trailers.get('x-tail'), ended.trailers.get('x-tail-bin')]).toEqual([['t'], [Buffer.from([1, 254])]])
    expect(metadata.getMap()).not.toHaveProperty('traceparent')
  })

  it('that a gateway hands on from HTTP/1.1 breaks neither the call nor the connection', async () => {
    const seen: Metadata[] = []
    await using server = await upstream({
      unary: (call, callback) => {
        seen.push(call.metadata)
        callback(null, Buffer.from(call.getHost()))
      },
    })
    await using shop = await caller([server.address])
    const metadata = metadataOf({
      connection: 'close',
      'transfer-encoding': 'chunked',
      'keep-alive': '5',
      upgrade: 'h2c',
      te: 'gzip',
      host: 'example.org',
      'content-length': '3',
      'zerohop-refused': 'limit',
      'grpc-timeout': '1m',
      'x-mine': 'kept',
    })
    metadata.add('authorization', 'one')
    metadata.add('authorization', 'two')
    const ended = await shop.client.unary('', { metadata })
    expect([ended.code, String(ended.messages)]).toEqual([Status.OK, 'bytes'])
    expect(seen[0]?.get('x-mine')).toEqual(['kept'])
    expect(seen[0]?.get('authorization')).toEqual(['one, two'])
    expect(seen[0]?.get('zerohop-refused')).toEqual([])
  })

  it('says the trace of the mesh, and what attempts went before', async () => {
    const seen: Metadata[] = []
    await using server = await upstream({
      unary: (call, callback) => {
        seen.push(call.metadata)
        callback(seen.length < 3 ? { code: Status.UNAVAILABLE } : null, Buffer.from('ok'))
      },
    })
    await using shop = await caller([server.address], { policy: { retry: { attempts: 3, backoff: { base: 0, cap: 0 } } } })
    const metadata = metadataOf({ traceparent: '00-11111111111111111111111111111111-2222222222222222-01', tracestate: 'a=b' })
    metadata.setOptions({ idempotentRequest: true })
    expect((await shop.client.unary('', { metadata })).code).toBe(Status.OK)
    expect(seen.map((one) => one.get('grpc-previous-rpc-attempts')[0])).toEqual([undefined, '1', '2'])
    const parents = seen.map((one) => String(one.get('traceparent')).split('-'))
    expect(new Set(parents.map(([, trace]) => trace)).size).toBe(1)
    expect(new Set(parents.map(([, , span]) => span)).size).toBe(3)
    expect(seen[0]?.get('tracestate')).toEqual([])
  })

  it('of credentials for a call comes along; where they fail, nothing is sent', async () => {
    const seen: Metadata[] = []
    await using server = await upstream({
      unary: (call, callback) => {
        seen.push(call.metadata)
        callback(null, Buffer.from('ok'))
      },
    })
    await using shop = await caller([server.address])
    const asked: object[] = []
    const token = credentials.createFromMetadataGenerator((call, done) => {
      asked.push(call)
      done(null, metadataOf({ authorization: 'Bearer x' }))
    })
    expect((await shop.client.unary('', { credentials: token })).code).toBe(Status.OK)
    expect(seen[0]?.get('authorization')).toEqual(['Bearer x'])
    expect(asked).toEqual([{ method_name: '/test.Bytes/unary', service_url: 'https://bytes/test.Bytes' }])
    const broken = credentials.createFromMetadataGenerator((_call, done) => done(new Error('no token')))
    const ended = await shop.client.unary('', { credentials: broken })
    expect([ended.code, ended.details]).toEqual([Status.UNKNOWN, 'Getting metadata from plugin failed with error: no token'])
    expect(seen.length).toBe(1)
  })
})
