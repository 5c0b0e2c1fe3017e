import { once } from 'node:events'
import http2 from 'node:http2'
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status as Status } from '@grpc/grpc-js'
import { type Ambient, CANCELLED, currentAmbient, EXPIRED } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { type Handlers, ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { serve } = servers
afterEach(() => servers.close())

describe('the ambient of a call', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const metadata = new Metadata()
  metadata.set('traceparent', `00-${trace}-b7ad6b7169203331-01`)
  metadata.set('baggage', 'tier=gold')

  it('is there in handlers of all four kinds, with every message, write and end', async () => {
    const seen: string[] = []
    const see = (where: string): void => {
      const ambient = currentAmbient()
      seen.push(`${where} ${ambient?.trace?.traceId === trace} ${ambient?.baggage} ${Number.isFinite(ambient?.deadlineAt)}`)
    }
    const { client } = await serve({
      unary: (_, callback) => {
        see('unary')
        setImmediate(() => {
          see('unary later')
          callback(null, 'x')
        })
      },
      gather: (call, callback) => {
        see('gather')
        call.on('data', () => see('gather data'))
        call.on('end', () => {
          see('gather end')
          callback(null, 'x')
        })
      },
      scatter: (call) => {
        see('scatter')
        // More than a window holds, so that the writer waits for the wire.
        while (call.write('x'.repeat(100_000)));
        call.once('drain', () => {
          see('scatter drain')
          call.end()
        })
      },
      talk: (call) => {
        see('talk')
        call.on('data', () => see('talk data'))
        call.on('end', () => {
          see('talk end')
          call.end()
        })
      },
    })
    const saying = { metadata, deadline: Date.now() + 60_000 }
    await client.unary('a', saying)
    const gathering = client.gather(saying)
    gathering.call.write('a')
    await until(() => seen.includes('gather data true tier=gold true'))
    gathering.call.write('b')
    gathering.call.end()
    await gathering.ended
    await client.scatter('a', saying).ended
    const talk = client.talk(saying)
    talk.call.write('a')
    talk.call.end()
    await talk.ended
    const places = 'unary,unary later,gather,gather data,gather data,gather end,scatter,scatter drain,talk,talk data,talk end'
    expect(seen).toEqual(places.split(',').map((place) => `${place} true tier=gold true`))
  })

  it('ends in peace with the status', async () => {
    const ambients: (Ambient | null)[] = []
    const { client } = await serve({
      unary: (_, callback) => {
        ambients.push(currentAmbient())
        callback(null, 'x')
      },
    })
    await client.unary('a')
    await until(() => ambients[0]?.bindsAt(0) === false)
    expect(ambients[0]?.ending).toBe(0)
  })

  it.each(['unary', 'gather', 'scatter', 'talk'] as const)('is given up when the caller cancels a call of kind %s', async (kind) => {
    const endings: number[] = []
    const running = Promise.withResolvers<void>()
    const cancelled = Promise.withResolvers<unknown>()
    const handler = (call: NodeJS.EventEmitter): void => {
      currentAmbient()?.join({ end: (why) => endings.push(why) })
      call.once('cancelled', () => cancelled.resolve(currentAmbient()?.ending))
      running.resolve()
    }
    const { client } = await serve({ [kind]: handler } as Handlers)
    const { call, ended } =
      kind === 'unary' ? client.call('/test.Words/unary', 'a') : kind === 'scatter' ? client.scatter('a') : client[kind]()
    await running.promise
    call.cancel()
    expect(await cancelled.promise).toBe(CANCELLED)
    expect(endings).toEqual([CANCELLED])
    expect((await ended).code).toBe(Status.CANCELLED)
  })

  it('is given up when the connection is lost', async () => {
    const endings: number[] = []
    const running = Promise.withResolvers<void>()
    const { server, client } = await serve({
      talk: () => {
        currentAmbient()?.join({ end: (why) => endings.push(why) })
        running.resolve()
      },
    })
    const talk = client.talk()
    await running.promise
    await server.close({ graceMs: 10 })
    expect(endings).toEqual([CANCELLED])
    expect((await talk.ended).code).not.toBe(Status.OK)
  })

  it('ends with the deadline that the caller set, and the caller is told', async () => {
    const endings: number[] = []
    const { client } = await serve({ talk: () => currentAmbient()?.join({ end: (why) => endings.push(why) }) })
    // Said by hand, so that the caller's own clock does not cut in before the server's.
    const saying = new Metadata()
    saying.set('grpc-timeout', '60m')
    const talk = client.talk({ metadata: saying })
    expect((await talk.ended).code).toBe(Status.DEADLINE_EXCEEDED)
    await until(() => endings.length > 0)
    expect(endings).toEqual([EXPIRED])
  })

  it('holds where an interceptor of the server’s own lets a call wait', async () => {
    const slow: ServerInterceptor = (_, call) =>
      new ServerInterceptingCall(call, {
        start: (next) => next({ onReceiveMetadata: (head, go) => void setImmediate(() => go(head)) }),
      })
    const failing = async (): Promise<never> => Promise.reject(new Error('later'))
    const { client } = await serve({ unary: failing, talk: failing }, { grpc: { interceptors: [slow] } })
    expect(await client.unary('a')).toMatchObject({ code: Status.UNKNOWN })
    expect(await client.talk().ended).toMatchObject({ code: Status.UNKNOWN })
    expect(servers.lines).toHaveLength(2)
  })
})

describe('a handler that fails', () => {
  const error = new Error('the password is wrong')

  it.each(['unary', 'gather', 'scatter', 'talk'] as const)('is UNKNOWN to the caller of kind %s, and one line in the log', async (kind) => {
    for (const handler of [
      () => {
        throw error
      },
      async () => Promise.reject(error),
    ]) {
      servers.lines.length = 0
      const { client, mesh } = await serve({ [kind]: handler })
      const ended = kind === 'unary' ? client.unary('a') : kind === 'scatter' ? client.scatter('a').ended : client[kind]().ended
      const { code, details } = await ended
      expect(code).toBe(Status.UNKNOWN)
      expect(details).not.toContain('password')
      expect(servers.lines).toEqual([
        expect.stringContaining(`cart: the handler failed for /test.Words/${kind}: Error: the password is wrong`),
      ])
      expect(await mesh.metrics()).toContain('fault')
    }
  })

  it('after its answer has changed nothing of it', async () => {
    const { client } = await serve({
      unary: async (_, callback) => {
        callback(null, 'x')
        throw error
      },
    })
    expect(await client.unary('a')).toMatchObject({ code: Status.OK, messages: ['x'] })
    expect(servers.lines).toEqual([expect.stringContaining('the handler failed after answering')])
  })

  it('because its caller has left is no news', async () => {
    const left = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    const running = Promise.withResolvers<void>()
    const { client } = await serve({
      unary: async (call) => {
        call.once('cancelled', () => left.resolve())
        running.resolve()
        await left.promise
        setImmediate(() => done.resolve())
        throw error
      },
    })
    const { call } = client.call('/test.Words/unary', 'a')
    await running.promise
    call.cancel()
    await done.promise
    expect(servers.lines).toEqual([])
  })
})

describe('a caller who does not read', () => {
  it('is cut when its time is over, and the handler is free', async () => {
    const cancelled = Promise.withResolvers<void>()
    const { server } = await serve({
      scatter: (call) => {
        const more = (): void => {
          while (call.write('x'.repeat(100_000)));
        }
        call.on('drain', more).once('cancelled', () => cancelled.resolve())
        more()
      },
    })
    const session = http2.connect(`http://${server.address}`)
    const head = { ':method': 'POST', ':path': '/test.Words/scatter', 'content-type': 'application/grpc', 'grpc-timeout': '100m' }
    const stream = session.request(head)
    stream.on('error', () => {}).end(Buffer.from([0, 0, 0, 0, 1, 97]))
    await cancelled.promise
    // A status would stand behind what nobody reads.
    if (!stream.closed) await once(stream, 'close')
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL)
    session.destroy()
  })
})
