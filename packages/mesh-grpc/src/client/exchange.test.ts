/** Tests of what becomes of an attempt: what can be tried again, until when, and how long a stream may be silent. */
import { Metadata, status as Status } from '@grpc/grpc-js'
import { testMesh } from '@zerohop/mesh-core/testing'
import { expect, it } from 'vitest'
import { grpcReply } from '../reply.ts'
import { BytesClient, metadataOf, until } from './bytes-client-under-test.ts'
import { caller, echoing, type Handlers, upstream } from './upstream-under-test.ts'

const retry = { attempts: 3, backoff: { base: 0, cap: 0 } }
const idempotent = (): { metadata: Metadata } => ({ metadata: new Metadata({ idempotentRequest: true }) })

/** Fails `times` times, then echoes; after its head where `head` says so. */
function failing(times: number, head: boolean, trailers: Metadata = new Metadata()): { seen: { count: number }; handlers: Handlers } {
  const seen = { count: 0 }
  const failure = { code: Status.UNAVAILABLE, details: 'not now', metadata: trailers }
  const begin = (call: { sendMetadata(metadata: Metadata): void }): boolean => {
    seen.count++
    if (head) call.sendMetadata(metadataOf({ 'x-attempt': String(seen.count) }))
    return seen.count <= times
  }
  return {
    seen,
    handlers: {
      unary: (call, callback) => (begin(call) ? callback(failure) : echoing.unary(call, callback)),
      gather: (call, callback) =>
        begin(call) ? call.on('data', () => {}).on('end', () => callback(failure)) : echoing.gather(call, callback),
      scatter: (call) => (begin(call) ? call.emit('error', failure) : echoing.scatter(call)),
    },
  }
}

it('a status in the trailers of a single answer is tried again, although a head came before it', async () => {
  const { seen, handlers } = failing(2, true)
  await using server = await upstream(handlers)
  await using shop = await caller([server.address], { policy: { retry } })
  const ended = await shop.client.unary('hello', idempotent())
  expect([ended.code, String(ended.messages), ended.head?.get('x-attempt'), seen.count]).toEqual([Status.OK, 'hello', ['3'], 3])
})

it('a stream of requests is sent again from its first message', async () => {
  const { seen, handlers } = failing(1, false)
  await using server = await upstream(handlers)
  await using shop = await caller([server.address], { policy: { retry } })
  const { call, ended } = shop.client.gather(idempotent())
  for (const word of ['a', 'b', 'c']) call.write(Buffer.from(word))
  call.end()
  expect(await ended.then(({ code, messages }) => [code, String(messages), seen.count])).toEqual([Status.OK, 'abc', 2])
})

it('a program that still sends gets the head of a single answer at once, and with it the call is committed', async () => {
  const { seen, handlers } = failing(1, true)
  await using server = await upstream(handlers)
  await using shop = await caller([server.address], { policy: { retry } })
  const { call, ended } = shop.client.gather(idempotent())
  call.once('metadata', () => call.end(Buffer.from('a')))
  expect([(await ended).code, (await ended).head?.get('x-attempt'), seen.count]).toEqual([Status.UNAVAILABLE, ['1'], 1])
})

it.each([
  ['without a head is tried again', false, Status.OK, 2],
  ['after a head is the program’s', true, Status.UNAVAILABLE, 1],
])('a stream of answers that fails %s', async (_name, head, code, attempts) => {
  const { seen, handlers } = failing(1, head)
  await using server = await upstream(handlers)
  await using shop = await caller([server.address], { policy: { retry } })
  expect((await shop.client.scatter('abc', idempotent()).ended).code).toBe(code)
  expect(seen.count).toBe(attempts)
})

it('a request beyond what is kept is sent once', async () => {
  const { seen, handlers } = failing(1, false)
  await using server = await upstream(handlers)
  await using shop = await caller([server.address], { policy: { retry } })
  const { call, ended } = shop.client.gather(idempotent())
  for (let n = 0; n < 20; n++) call.write(Buffer.alloc(65_536))
  call.end()
  expect((await ended).code).toBe(Status.UNAVAILABLE)
  expect(seen.count).toBe(1)
})

it.each([
  ['-1', 1],
  ['later', 1],
  ['1', 2],
])('a server that says "grpc-retry-pushback-ms: %s" is called %i times', async (pushback, attempts) => {
  const { seen, handlers } = failing(1, false, metadataOf({ 'grpc-retry-pushback-ms': pushback }))
  await using server = await upstream(handlers)
  await using shop = await caller([server.address], { policy: { retry } })
  await shop.client.unary('', idempotent())
  expect(seen.count).toBe(attempts)
})

it('a mesh that refused above its handler is left for another one, and nobody hears its word', async () => {
  let seen = 0
  await using server = await upstream({
    unary: (_call, callback) => {
      seen++
      callback({ code: Status.RESOURCE_EXHAUSTED, metadata: metadataOf({ 'zerohop-refused': 'limit', 'x-why': 'full' }) })
    },
  })
  await using shop = await caller([server.address], { policy: { retry } })
  const { code, trailers } = await shop.client.unary('')
  expect([code, seen, trailers.getMap()]).toMatchObject([Status.RESOURCE_EXHAUSTED, 3, { 'x-why': 'full' }])
  expect(trailers.get('zerohop-refused')).toEqual([])
})

it('a server whose clock rings first for the time of the call is not blamed for it', async () => {
  await using t = testMesh({ policy: { service: 'bytes', timeout: '1s' } })
  const delays = [995, 994]
  t.service('bytes', {}, () => grpcReply.delayed(delays.shift() as number, grpcReply.status('DEADLINE_EXCEEDED')))
  const client = new BytesClient(t.mesh, {})
  for (const verdict of ['expired', 'fault']) {
    const ended = client.unary('')
    await t.clock.advance('1s')
    expect((await ended).code).toBe(Status.DEADLINE_EXCEEDED)
    expect(await t.mesh.metrics()).toMatch(new RegExp(`zerohop_calls_total\\{[^}]*verdict="${verdict}"[^}]*\\} 1`))
  }
})

it('a stream that falls silent is late, and one that speaks is not', async () => {
  let write: ((text: string) => void) | undefined
  await using server = await upstream({
    talk: (call) => {
      write = (text) => call.write(Buffer.from(text))
      call.write(Buffer.from('first'))
      call.on('data', () => {})
    },
  })
  await using shop = await caller([server.address], { policy: { timeout: undefined, stream: { idle: '800ms' } } })
  const { call, ended } = shop.client.talk()
  const messages: string[] = []
  call.on('data', (message: Buffer) => messages.push(String(message)))
  await until(() => messages.length === 1)
  const begun = performance.now()
  let sent = 0
  while (performance.now() - begun < 2000) {
    if (performance.now() - begun > sent * 200) {
      // One way or the other: both count.
      if (sent++ % 2 === 0) call.write(Buffer.from('up'))
      else write?.('down')
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(messages.length).toBeGreaterThan(2)
  const { code, error } = await ended
  expect([code, error]).toMatchObject([Status.DEADLINE_EXCEEDED, { cause: { code: 'LATE' } }])
})

it('a stream that nobody reads is not late: it is held back by us', async () => {
  await using server = await upstream({
    scatter: (call) => {
      for (let n = 0; n < 50; n++) call.write(Buffer.alloc(65_536))
      call.end()
    },
  })
  await using shop = await caller([server.address], { policy: { timeout: undefined, stream: { idle: '600ms' } } })
  const call = shop.client.makeServerStreamRequest<Buffer, Buffer>('/test.Bytes/scatter', Buffer.from, Buffer.from, Buffer.alloc(0))
  const begun = performance.now()
  let got = 0
  for await (const _message of call) {
    if (got++ === 0) while (performance.now() - begun < 1500) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(got).toBe(50)
})

it('a stream holds its place until it ends', async () => {
  await using server = await upstream(echoing)
  await using shop = await caller([server.address], { policy: { limit: { outbound: { inFlight: 1 } } } })
  const { call, ended } = shop.client.talk()
  call.write(Buffer.from('a'))
  await new Promise((resolve) => call.once('metadata', resolve))
  expect((await shop.client.unary('')).error).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, cause: { code: 'LIMIT_FULL' } })
  call.end()
  expect((await ended).code).toBe(Status.OK)
  expect((await shop.client.unary('')).code).toBe(Status.OK)
})

it('neither end sends further ahead than the other one reads', async () => {
  const sizes = { written: 0, read: 0 }
  await using server = await upstream({
    scatter: (call) => {
      const go = (): void => {
        while (sizes.written < 400) {
          sizes.written++
          if (!call.write(Buffer.alloc(65_536))) return void call.once('drain', go)
        }
        call.end()
      }
      go()
    },
    gather: (call, callback) => {
      call.on('data', () => {
        sizes.read++
        // It stops in the middle, until it is told to go on.
        if (sizes.read === 10) call.pause()
      })
      call.on('end', () => callback(null, Buffer.from(String(sizes.read))))
      resume = () => call.resume()
    },
  })
  let resume = (): void => {}
  await using shop = await caller([server.address])
  const down = shop.client.makeServerStreamRequest<Buffer, Buffer>('/test.Bytes/scatter', Buffer.from, Buffer.from, Buffer.alloc(0))
  let got = 0
  let furthest = 0
  for await (const _message of down) {
    got++
    furthest = Math.max(furthest, sizes.written - got)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(got).toBe(400)
  expect(furthest).toBeLessThan(64)

  const { call, ended } = shop.client.gather()
  let up = 0
  const push = (): void => {
    while (up < 400) {
      up++
      if (!call.write(Buffer.alloc(65_536))) return void call.once('drain', push)
    }
    call.end()
  }
  push()
  await until(() => sizes.read >= 10)
  for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve))
  expect(up - sizes.read).toBeLessThan(64)
  resume()
  expect(await ended.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, '400'])
})
