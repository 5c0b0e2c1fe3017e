import { type ClientReadableStream, Server, status as Status } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { afterEach, describe, expect, it } from 'vitest'
import { serveGrpc } from './grpc-server.ts'
import { ServersUnderTest, until, type WordsClient } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { serve } = servers
afterEach(() => servers.close())

const names = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const asking = (service: string): Buffer => Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)])
const identity = (bytes: Buffer): Buffer => bytes
const said = (bytes: Buffer): string => names[bytes[1] as number] as string

function check(client: WordsClient, service = ''): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', identity, said, asking(service), (error, answer) =>
      resolve(error === null ? (answer as string) : (Status[error.code] as string)),
    )
  })
}

function watch(client: WordsClient, service = ''): { heard: string[]; call: ClientReadableStream<string> } {
  const heard: string[] = []
  const call = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', identity, said, asking(service))
  call.on('data', (word: string) => heard.push(word)).on('error', (error) => heard.push(error.message))
  call.on('end', () => heard.push('end'))
  return { heard, call }
}

describe('the health service', () => {
  it('knows the server and each service on it', async () => {
    const { client } = await serve({})
    expect(await check(client)).toBe('SERVING')
    expect(await check(client, 'test.Words')).toBe('SERVING')
    expect(await check(client, 'grpc.health.v1.Health')).toBe('SERVING')
    expect(await check(client, 'test.Others')).toBe('NOT_FOUND')
  })

  it('lists them', async () => {
    const { client } = await serve({})
    const listed = await new Promise<string>((resolve) => {
      client.makeUnaryRequest('/grpc.health.v1.Health/List', identity, identity, Buffer.alloc(0), (_, answer) => resolve(String(answer)))
    })
    expect(listed).toContain('test.Words')
    expect(listed).toContain('grpc.health.v1.Health')
  })

  it('answers above all layers: a full server is alive', async () => {
    const { client } = await serve({}, { policy: { fault: { inbound: { abort: { status: 500 } } } } })
    expect(await check(client)).toBe('SERVING')
    expect((await client.unary('a')).code).toBe(Status.INTERNAL)
  })

  it('asks the application, too', async () => {
    let ready = false
    const { client } = await serve({}, { readiness: async () => ready })
    expect(await check(client)).toBe('NOT_SERVING')
    ready = true
    expect(await check(client)).toBe('SERVING')
  })

  it('tells whoever watches what it is, and of a service that is not there', async () => {
    const { client } = await serve({})
    const [all, none] = [watch(client), watch(client, 'test.Others')]
    await until(() => all.heard.length + none.heard.length === 2)
    expect([all.heard, none.heard]).toEqual([['SERVING'], ['SERVICE_UNKNOWN']])
    all.call.cancel()
  })

  it('says that it goes to whoever watches, before the connection is told to end', async () => {
    const { client, server } = await serve({}, { graceMs: 60_000 })
    const { heard } = watch(client)
    await until(() => heard.length === 1)
    await server.close()
    await until(() => heard.length === 3)
    expect(heard).toEqual(['SERVING', 'NOT_SERVING', 'end'])
  })

  it('ends at once a watch that begins while it goes, so that whoever watches again does not hold it', async () => {
    const { client, server } = await serve({}, { graceMs: 1000 })
    const first = watch(client)
    let again: string[] = []
    first.call.once('end', () => {
      again = watch(client).heard
    })
    await until(() => first.heard.length === 1)
    await server.close()
    expect(again).toEqual(['NOT_SERVING', 'end'])
  })

  it('refuses a request that is none', async () => {
    const { client } = await serve({})
    const code = await new Promise((resolve) => {
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', identity, identity, Buffer.from([0x0a, 0x05, 0x61]), (error) =>
        resolve(error?.code),
      )
    })
    expect(code).toBe(Status.INTERNAL)
  })

  it('is the server’s own where it has one, and none where that is wished', async () => {
    const own = new Server()
    own.register(
      '/grpc.health.v1.Health/Check',
      (_: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, Buffer.from([8, 2])),
      identity,
      identity,
      'unary',
    )
    const mesh = createMesh({ service: 'cart' })
    const server = await serveGrpc(mesh, own, { port: 0, host: '127.0.0.1', signals: false })
    expect(await check(servers.client(server))).toBe('NOT_SERVING')
    await mesh.close({ graceMs: 0 })
    const { client } = await serve({}, { health: false })
    expect(await check(client)).toBe('UNIMPLEMENTED')
  })
})
