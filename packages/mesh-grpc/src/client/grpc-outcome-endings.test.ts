/** Tests of calls whose server goes, refuses them, or cuts them off. */
import { constants } from 'node:http2'
import { Metadata, status as Status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { until } from './bytes-client-under-test.ts'
import { goaway, onHeaders, settings } from './frames-under-test.ts'
import { caller, echoing, type GrpcUpstream, http2Upstream, naming, rawUpstream, upstream } from './upstream-under-test.ts'

const retrying = { policy: { retry: { attempts: 3, backoff: { base: 0, cap: 0 } } } }
const idempotent = (): { metadata: Metadata } => ({ metadata: new Metadata({ idempotentRequest: true }) })

describe('a server that goes', () => {
  it('in good order fails no call: those under way end, later ones find the other one', async () => {
    const seen: string[] = []
    let finish: (() => void) | undefined
    await using going = await upstream({
      unary: (_call, callback) => {
        finish = () => callback(null, Buffer.from('late but whole'))
      },
    })
    await using shop = await caller([going.address], retrying)
    const under = shop.client.unary('')
    await until(() => finish !== undefined)
    const { promise, resolve } = Promise.withResolvers<void>()
    going.server.tryShutdown(() => resolve())
    await using staying = await upstream(naming('staying', seen))
    shop.move([going.address, staying.address])
    const later = await Promise.all(Array.from({ length: 20 }, () => shop.client.unary('')))
    expect(later.map(({ code, messages }) => [code, String(messages)])).toEqual(Array(20).fill([Status.OK, 'staying']))
    finish?.()
    expect(await under.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, 'late but whole'])
    await promise
  })

  it('within a call loses it; it is repeated only where that does no harm', async () => {
    const seen: string[] = []
    const servers: GrpcUpstream[] = []
    for (let n = 0; n < 2; n++) {
      servers.push(
        await upstream({
          unary: (_call, callback) => {
            seen.push(String(n))
            if (seen.length === 1) setImmediate(() => servers[n]?.kill())
            else callback(null, Buffer.from('ok'))
          },
        }),
      )
    }
    await using _first = servers[0] as GrpcUpstream
    await using _second = servers[1] as GrpcUpstream
    await using shop = await caller(
      servers.map(({ address }) => address),
      retrying,
    )
    expect((await shop.client.unary('', idempotent())).code).toBe(Status.OK)
    expect(seen.length).toBe(2)
    const survivor = servers[Number(seen[1])] as GrpcUpstream
    seen.length = 0
    const ended = await shop.client.unary('')
    expect([ended.code, seen.length]).toEqual([Status.UNAVAILABLE, 1])
    expect(ended.details).toMatch(/^bytes: the connection was lost for unary/)
    survivor.kill()
  })

  it('in the middle of a stream ends it as lost', async () => {
    await using server = await upstream({ scatter: (call) => void call.write(Buffer.from('first')) })
    await using shop = await caller([server.address], retrying)
    const { call, ended } = shop.client.scatter('', idempotent())
    call.once('data', () => server.kill())
    const { code, details, messages, error } = await ended
    expect([code, String(messages)]).toEqual([Status.UNAVAILABLE, 'first'])
    expect(details).toMatch(/^bytes: the connection was lost/)
    expect(error).toMatchObject({ cause: { code: 'BROKEN' } })
    expect(await shop.mesh.metrics()).toMatch(/zerohop_calls_total\{[^}]*verdict="broken"[^}]*\} 1/)
  })

  it('and comes back at the same address is found again', async () => {
    await using shop = await caller(['127.0.0.1:1'], retrying)
    const first = await upstream(echoing)
    shop.move([first.address])
    expect((await shop.client.unary('')).code).toBe(Status.OK)
    first.kill()
    expect((await shop.client.unary('')).code).toBe(Status.UNAVAILABLE)
    await using _again = await upstream(echoing, { port: Number(first.address.split(':')[1]) })
    expect((await shop.client.unary('')).code).toBe(Status.OK)
  })
})

it.each([
  ['before anything was sent', ''],
  ['while a message is half sent', Buffer.alloc(3_000_000)],
])('a server that asks a stream for calm %s throttles it', async (_name, message) => {
  await using server = await http2Upstream((stream) => setTimeout(() => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), 50))
  await using shop = await caller([server.address], { policy: { retry: { attempts: 2, on: ['broken'] } } })
  const ended = await shop.client.unary(message, idempotent())
  expect([ended.code, ended.details]).toEqual([Status.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded'])
  expect(await shop.mesh.metrics()).toMatch(/zerohop_attempts_total\{[^}]*verdict="throttled"[^}]*\} 1/)
})

describe('a call that no handler has seen', () => {
  it.each([
    ['REFUSED_STREAM', 'refused'],
    ['a GOAWAY that leaves it out', 'goaway'],
  ])('because of %s goes elsewhere, whatever its kind', async (_name, how) => {
    const seen: string[] = []
    let refusals = 0
    await using refusing =
      how === 'refused'
        ? await http2Upstream((stream) => {
            refusals++
            stream.close(constants.NGHTTP2_REFUSED_STREAM)
          })
        : await rawUpstream((socket) => {
            socket.write(settings)
            onHeaders(socket, () => {
              refusals++
              socket.write(goaway(0))
            })
          })
    await using good = await upstream(naming('good', seen))
    await using shop = await caller([refusing.address, good.address], retrying)
    for (let n = 0; n < 12; n++) expect((await shop.client.unary('')).code).toBe(Status.OK)
    const { call, ended } = shop.client.gather()
    call.write(Buffer.from('a'))
    call.end(Buffer.from('b'))
    expect(await ended.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, 'ab'])
    expect(refusals).toBeGreaterThan(0)
    expect(await shop.mesh.metrics()).toMatch(/verdict="unreached"/)
  })

  it.each([1, 2])('is free to go again the first time, and refused %i times in a row costs what is left', async (refusals) => {
    let streams = 0
    await using refusing = await http2Upstream((stream) => {
      streams++
      if (streams <= refusals) stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Buffer.from('0000000000', 'hex'))
      }
    })
    await using shop = await caller([refusing.address], { policy: { retry: { attempts: 1 } } })
    expect((await shop.client.unary('')).code).toBe(refusals === 1 ? Status.OK : Status.UNAVAILABLE)
    expect(streams).toBe(2)
  })

  it('is none of the attempts that the next one says went before it', async () => {
    const said: unknown[] = []
    await using server = await http2Upstream((stream, _session, headers) => {
      said.push(headers['grpc-previous-rpc-attempts'])
      if (said.length === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': Status.UNAVAILABLE }, { endStream: true })
    })
    await using shop = await caller([server.address], retrying)
    await shop.client.unary('', idempotent())
    expect(said).toEqual([undefined, undefined, '1', '2'])
  })

  it.each([
    ['a GOAWAY for an error', 2, Status.UNAVAILABLE],
    ['a GOAWAY that asks for calm', constants.NGHTTP2_ENHANCE_YOUR_CALM, Status.RESOURCE_EXHAUSTED],
  ])('is not told from one that has been seen by %s: it is not repeated', async (_name, code, status) => {
    let seen = 0
    await using server = await rawUpstream((socket) => {
      socket.write(settings)
      onHeaders(socket, () => {
        seen++
        socket.write(goaway(code))
      })
    })
    await using shop = await caller([server.address], retrying)
    expect((await shop.client.unary('')).code).toBe(status)
    expect(seen).toBe(1)
  })

  it('and a status that says so in words are two things', async () => {
    let seen = 0
    await using server = await upstream({
      unary: (_call, callback) => {
        seen++
        callback({ code: Status.UNAVAILABLE, details: 'Stream refused by server' })
      },
    })
    await using shop = await caller([server.address], retrying)
    expect((await shop.client.unary('')).details).toBe('Stream refused by server')
    expect(seen).toBe(1)
  })
})
