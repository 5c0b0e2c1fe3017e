import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { status as Status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { serve } = servers
afterEach(() => servers.close())

describe('a server that drains', () => {
  it('tells every connection to end, and goes on serving', async () => {
    const { server, client } = await serve({ unary: (_, callback) => callback(null, 'x') })
    const session = http2.connect(`http://${server.address}`)
    await client.unary('a')
    server.drain()
    await once(session, 'goaway')
    expect((await client.unary('a')).code).toBe(Status.OK)
    session.destroy()
  })

  it('closes at once where nobody is connected, and takes no connection afterwards', async () => {
    const { server } = await serve({})
    await server.close({ graceMs: 600_000 })
    const [error] = await once(net.connect(server.port, '127.0.0.1'), 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('lets calls under way end, streams included', async () => {
    const held: ((error: null, value: string) => void)[] = []
    const { server, client } = await serve({
      unary: (_, callback) => held.push(callback as never),
      talk: (call) => call.on('data', (message: string) => call.write(message)).on('end', () => call.end()),
    })
    const slow = client.unary('a')
    const talk = client.talk()
    const heard: string[] = []
    talk.call.on('data', (message: string) => heard.push(message))
    talk.call.write('before')
    await until(() => held.length === 1 && heard.length === 1)
    const closed = server.close({ graceMs: 60_000 })
    talk.call.write('during')
    await until(() => heard.length === 2)
    talk.call.end()
    held[0]?.(null, 'whole')
    expect((await slow).messages).toEqual(['whole'])
    expect(await talk.ended).toMatchObject({ code: Status.OK, messages: ['before', 'during'] })
    await closed
  })

  it('cuts at the end of its grace what is still under way', async () => {
    const running = Promise.withResolvers<void>()
    const { server, client } = await serve({ talk: () => running.resolve() })
    const talk = client.talk()
    await running.promise
    const gentle = server.close({ graceMs: 60_000 })
    await server.close({ graceMs: 20 })
    await gentle
    expect((await talk.ended).code).not.toBe(Status.OK)
  })

  it('fails no call under load: those that were on their way are refused so that any client tries them again', async () => {
    const serving = { unary: (call: { request: string }, callback: (error: null, value: string) => void) => callback(null, call.request) }
    const [first, second] = await Promise.all([serve(serving as never), serve(serving as never)])
    let now = first.client
    const ended: Promise<number>[] = []
    let loading = true
    const load = (async () => {
      for (let n = 0; loading; n++) {
        ended.push(now.unary('a').then(({ code }) => code))
        if (n % 20 === 19) await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await until(() => ended.length > 200)
    const closed = first.server.close({ graceMs: 60_000 })
    const count = ended.length
    await until(() => ended.length > count + 200)
    now = second.client
    await until(() => ended.length > count + 400)
    loading = false
    await load
    const codes = await Promise.all(ended)
    expect(new Set(codes)).toEqual(new Set([Status.OK]))
    first.client.close()
    await closed
  })

  it('is part of closing the mesh', async () => {
    const held: ((error: null, value: string) => void)[] = []
    const { mesh, server, client } = await serve({ unary: (_, callback) => held.push(callback as never) })
    const asked = client.unary('a')
    await until(() => held.length === 1)
    const closed = mesh.close({ graceMs: 60_000 })
    held[0]?.(null, 'whole')
    expect((await asked).messages).toEqual(['whole'])
    await closed
    const [error] = await once(net.connect(server.port, '127.0.0.1'), 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })
})
