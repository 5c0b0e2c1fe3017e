import { setImmediate as turn } from 'node:timers/promises'
import { Metadata, Server, status as Status } from '@grpc/grpc-js'
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { afterEach, describe, expect, it } from 'vitest'
import { serveGrpc } from './grpc-server.ts'
import { ServersUnderTest } from './server-under-test.ts'

const servers = new ServersUnderTest()
const { serve, client: connect } = servers
afterEach(() => servers.close())

// The caller knows how its call ended before the server has counted it.
async function counted(mesh: Mesh, word: string): Promise<void> {
  while (!(await mesh.metrics()).includes(word)) await turn()
}

describe('wrong options', () => {
  it('are told all at once, with hints', async () => {
    const mesh = createMesh({ service: 'cart' })
    const failed = serveGrpc(mesh, {} as never, { prot: 80, graceMs: -1, health: '/x', signals: 'yes' } as never)
    await expect(failed).rejects.toMatchObject({ code: 'BAD_OPTIONS' })
    const message = await failed.catch((error: Error) => error.message)
    for (const part of [
      'serveGrpc: server: expected a Server',
      'port: missing',
      'did you mean `port`',
      'graceMs:',
      'health: expected true',
      'signals:',
    ]) {
      expect(message).toContain(part)
    }
    await mesh.close()
  })

  it('and an address that is taken reject with node’s own error', async () => {
    const { server, mesh } = await serve({})
    await expect(serveGrpc(mesh, new Server(), { port: server.port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('a server', () => {
  it('serves calls of all four kinds', async () => {
    const { client } = await serve({
      unary: (call, callback) => callback(null, `${call.request}!`),
      gather: (call, callback) => {
        const heard: string[] = []
        call.on('data', (message: string) => heard.push(message)).on('end', () => callback(null, heard.join('')))
      },
      scatter: (call) => {
        for (const letter of call.request) call.write(letter)
        call.end()
      },
      talk: (call) => call.on('data', (message: string) => call.write(`${message}?`)).on('end', () => call.end()),
    })
    expect(await client.unary('a')).toMatchObject({ code: Status.OK, messages: ['a!'] })
    const gathering = client.gather()
    for (const letter of 'abc') gathering.call.write(letter)
    gathering.call.end()
    expect(await gathering.ended).toMatchObject({ code: Status.OK, messages: ['abc'] })
    expect(await client.scatter('abc').ended).toMatchObject({ code: Status.OK, messages: ['a', 'b', 'c'] })
    const talk = client.talk()
    talk.call.write('a')
    talk.call.write('b')
    talk.call.end()
    expect(await talk.ended).toMatchObject({ code: Status.OK, messages: ['a?', 'b?'] })
  })

  it('carries metadata both ways, and the details of an error', async () => {
    const heads: Metadata[] = []
    const { client } = await serve({
      unary: (call, callback) => {
        const head = new Metadata()
        head.set('x-head', String(call.metadata.get('x-asked')))
        call.sendMetadata(head)
        const trailers = new Metadata()
        trailers.set('x-trailer-bin', Buffer.from([0, 255]))
        callback({ code: Status.FAILED_PRECONDITION, details: 'not “so”', metadata: trailers })
      },
    })
    const metadata = new Metadata()
    metadata.add('x-asked', '1')
    const { call, ended } = client.call('/test.Words/unary', 'a', { metadata })
    call.on('metadata', (head) => heads.push(head))
    const { code, details, trailers } = await ended
    expect([code, details, trailers.get('x-trailer-bin')]).toEqual([Status.FAILED_PRECONDITION, 'not “so”', [Buffer.from([0, 255])]])
    expect(heads[0]?.get('x-head')).toEqual(['1'])
  })

  it('answers UNIMPLEMENTED for a method that it has not, and counts it', async () => {
    const { client, mesh } = await serve({})
    const { code, details } = await client.call('/test.Words/none', 'a').ended
    expect([code, details]).toEqual([Status.UNIMPLEMENTED, 'The server does not implement the method /test.Words/none'])
    await counted(mesh, 'UNIMPLEMENTED')
  })

  it('takes compressed messages', async () => {
    const { server } = await serve({ unary: (call, callback) => callback(null, String(call.request.length)) })
    const client = connect(server, { 'grpc.default_compression_algorithm': 2 })
    expect(await client.unary('a'.repeat(100_000))).toMatchObject({ code: Status.OK, messages: ['100000'] })
  })

  it('refuses messages beyond the size that its options set, and no handler hears of them', async () => {
    let handled = 0
    const { client, mesh } = await serve({ unary: () => handled++ }, { grpc: { 'grpc.max_receive_message_length': 10 } })
    expect(await client.unary('a'.repeat(11))).toMatchObject({ code: Status.RESOURCE_EXHAUSTED })
    expect(handled).toBe(0)
    await counted(mesh, 'RESOURCE_EXHAUSTED')
  })

  it('is served as it is where MESH_DISABLE=1 says so', async () => {
    process.env.MESH_DISABLE = '1'
    try {
      const fault = { inbound: { abort: { status: 500 } } }
      const { client } = await serve({ unary: (_, callback) => callback(null, 'plain') }, { policy: { fault } })
      expect(await client.unary('a')).toMatchObject({ code: Status.OK, messages: ['plain'] })
    } finally {
      delete process.env.MESH_DISABLE
    }
  })
})
