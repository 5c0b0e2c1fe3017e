import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Metadata,
  type ServerErrorResponse,
  ServerInterceptingCall,
  type ServerInterceptor,
  status as Status,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { type Alarm, partsOf } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { serve } = servers
afterEach(() => servers.close())

function timeout(value: string): Metadata {
  const metadata = new Metadata()
  metadata.set('grpc-timeout', value)
  return metadata
}

const refused = (trailers: Metadata): unknown[] => trailers.get('zerohop-refused')

describe('the inbound policy', () => {
  it('refuses what its limit does not hold, for the whole life of a stream, and says that it may go elsewhere', async () => {
    const { client } = await serve(
      { talk: (call) => call.on('data', () => {}).on('end', () => call.end()), unary: (_, callback) => callback(null, 'x') },
      { policy: { limit: { inbound: { inFlight: 1 } } } },
    )
    const talk = client.talk()
    talk.call.write('a')
    let full = await client.unary('a')
    while (full.code === Status.OK) full = await client.unary('a')
    expect([full.code, full.details, refused(full.trailers)]).toEqual([
      Status.RESOURCE_EXHAUSTED,
      'cart: the limit is reached and its queue is full',
      ['limit'],
    ])
    talk.call.end()
    expect((await talk.ended).code).toBe(Status.OK)
    let free = await client.unary('a')
    while (free.code !== Status.OK) free = await client.unary('a')
  })

  it('lets a call wait, whose caller may leave or lose patience meanwhile', async () => {
    const held: ((error: null, value: string) => void)[] = []
    const { client, mesh } = await serve(
      { unary: (_, callback) => held.push(callback as never) },
      { policy: { limit: { inbound: { inFlight: 1, queue: 5 } } } },
    )
    const first = client.unary('a')
    await until(() => held.length === 1)
    const leaving = client.call('/test.Words/unary', 'b')
    const late = client.unary('c', { deadline: Date.now() + 60 })
    const patient = client.unary('d')
    setImmediate(() => leaving.call.cancel())
    expect((await leaving.ended).code).toBe(Status.CANCELLED)
    expect((await late).code).toBe(Status.DEADLINE_EXCEEDED)
    held[0]?.(null, 'first')
    await until(() => held.length === 2)
    held[1]?.(null, 'second')
    expect((await first).messages).toEqual(['first'])
    expect((await patient).messages).toEqual(['second'])
    expect(held).toHaveLength(2)
    expect(await mesh.metrics()).toContain('cancelled')
  })

  describe('tells interceptors of the server’s own that a call has ended', () => {
    /** A server with a place for one call and one in line, how many calls its interceptors hold for open, and what answers the first call. */
    async function counting(whenSecond: (held: sendUnaryData<string>[]) => void = () => {}) {
      const open = { most: 0, now: 0 }
      const held: sendUnaryData<string>[] = []
      const interceptor: ServerInterceptor = (_, call) =>
        new ServerInterceptingCall(call, {
          start: (next) => {
            open.most = Math.max(open.most, ++open.now)
            if (open.now === 2) whenSecond(held)
            next({ onCancel: () => open.now-- })
          },
        })
      const { client } = await serve(
        { unary: (_, callback) => held.push(callback) },
        { policy: { limit: { inbound: { inFlight: 1, queue: 1 } } }, grpc: { interceptors: [interceptor] } },
      )
      return { client, held, open }
    }

    it('which it refused, or whose caller left the line', async () => {
      const { client, held, open } = await counting()
      const first = client.unary('a')
      await until(() => held.length === 1)
      const leaving = client.call('/test.Words/unary', 'b')
      await until(() => open.now === 2)
      expect((await client.unary('c')).code).toBe(Status.RESOURCE_EXHAUSTED)
      leaving.call.cancel()
      await until(() => open.now === 1)
      held[0]?.(null, 'first')
      expect((await first).code).toBe(Status.OK)
      await until(() => open.now === 0)
      expect([open.most, held.length]).toEqual([3, 1])
    })

    it('for which there was a place when its time was over', async () => {
      // In the tick in which grpc-js sets its own alarm for the same time, so that this one rings right behind it.
      const failure = { code: Status.ABORTED, details: 'first' }
      const { client, held, open } = await counting((waiting) => setTimeout(() => waiting[0]?.(failure), 80))
      const first = client.unary('a')
      await until(() => held.length === 1)
      expect((await client.unary('b', { metadata: timeout('80m') })).code).toBe(Status.DEADLINE_EXCEEDED)
      expect((await first).code).toBe(Status.ABORTED)
      await until(() => open.now === 0)
      expect([open.most, held.length]).toEqual([2, 1])
    })
  })

  it('spends its rate, and says when to come back', async () => {
    const { client } = await serve(
      { unary: (_, callback) => callback(null, 'x') },
      { policy: { rateLimit: { inbound: { perSecond: 1 } } } },
    )
    await client.unary('a')
    const { code, trailers } = await client.unary('a')
    expect([code, refused(trailers)]).toEqual([Status.RESOURCE_EXHAUSTED, ['rate']])
    expect(Number(trailers.get('grpc-retry-pushback-ms')[0])).toBeGreaterThan(0)
  })

  it('sends callers elsewhere while there is none, where the program wants it so', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'zerohop-test-'))
    const policy = join(directory, 'policy.yaml')
    try {
      const { client } = await serve({ unary: (_, callback) => callback(null, 'x') }, { mesh: { policy, withoutPolicy: 'refuse' } })
      const { code, details, trailers } = await client.unary('a')
      expect([code, details, refused(trailers)]).toEqual([
        Status.UNAVAILABLE,
        'cart: the service has no policy yet, and is not to be called without one',
        ['policy'],
      ])
      writeFileSync(policy, 'service: cart\n')
      let served = await client.unary('a')
      while (served.code !== Status.OK) served = await client.unary('a')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('injects a fault that passes for the service’s own', async () => {
    const { client } = await serve({}, { policy: { fault: { inbound: { abort: { status: 503 } } } } })
    const { code, trailers } = await client.unary('a')
    expect([code, refused(trailers)]).toEqual([Status.UNAVAILABLE, []])
  })
})

describe('the word that is the mesh’s own', () => {
  it('is dropped from what a handler hands on', async () => {
    const heads: Metadata[] = []
    const foreign = new Metadata()
    foreign.set('zerohop-refused', 'limit')
    foreign.set('x-kept', '1')
    const { client } = await serve({
      unary: (call, callback) => {
        call.sendMetadata(foreign)
        const error: ServerErrorResponse = { name: 'x', message: 'x', code: Status.UNAVAILABLE, details: 'x', metadata: foreign }
        callback(error)
      },
    })
    const { call, ended } = client.call('/test.Words/unary', 'a')
    call.on('metadata', (head) => heads.push(head))
    const { trailers } = await ended
    expect([trailers, heads[0] as Metadata].map((fields) => [refused(fields), fields.get('x-kept')])).toEqual([
      [[], ['1']],
      [[], ['1']],
    ])
  })
})

it('a caller who keeps the one message of its request back gives its place back in the end; a stream may take its time', async () => {
  const { mesh, server, client } = await serve({ gather: () => {} })
  const alarms: Alarm[] = []
  const { wheel } = partsOf(mesh)
  const set = wheel.set.bind(wheel)
  wheel.set = (alarm, dueAt, now) => {
    alarms.push(alarm)
    expect(dueAt - now).toBe(300_000)
    set(alarm, dueAt, now)
  }
  const { call, ended } = client.gather()
  const session = http2.connect(`http://${server.address}`)
  const silent = session.request({
    ':method': 'POST',
    ':path': '/test.Words/unary',
    te: 'trailers',
    'content-type': 'application/grpc',
  })
  const [answer] = await Promise.all([once(silent, 'response'), until(() => alarms.length === 1).then(() => alarms[0]?.ring())])
  expect(answer[0]).toMatchObject({ 'grpc-status': String(Status.DEADLINE_EXCEEDED) })
  session.destroy()
  await until(() => wheel.armed === 0)
  call.cancel()
  expect((await ended).code).toBe(Status.CANCELLED)
  expect(alarms).toHaveLength(1)
})
