import { once } from 'node:events'
import { Client, Metadata, type ServiceDefinition, status as Status } from '@grpc/grpc-js'
import { type TestMesh, type TestMeshOptions, testAuthority, testMesh } from '@zerohop/mesh-core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { meshChannel } from './client/mesh-channel.ts'
import { type GrpcRequest, grpcReply, grpcService, grpcWire } from './testing.ts'

const meshes: TestMesh[] = []
afterEach(async () => {
  for (const mesh of meshes.splice(0)) await mesh.close()
})

function made(options: TestMeshOptions = {}): TestMesh {
  const mesh = testMesh({ ...options, ...(options.wire === undefined ? {} : {}) })
  meshes.push(mesh)
  return mesh
}

const write = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const read = (bytes: Buffer): unknown => JSON.parse(bytes.toString())
const words: ServiceDefinition = Object.fromEntries(
  [
    ['Say', false, false],
    ['Gather', true, false],
    ['Scatter', false, true],
    ['Talk', true, true],
  ].map(([name, requestStream, responseStream]) => [
    name,
    {
      path: `/test.Words/${name}`,
      requestStream,
      responseStream,
      requestSerialize: write,
      requestDeserialize: read,
      responseSerialize: write,
      responseDeserialize: read,
    },
  ]),
) as unknown as ServiceDefinition

interface Ended {
  code: number
  details: string
  metadata: Metadata
  messages: unknown[]
}

function client(mesh: TestMesh): Client {
  return new Client('words', undefined as never, { channelOverride: meshChannel(mesh.mesh, 'words', { definition: words }) as never })
}

function call(client: Client, method: string, { sent, ...options }: { sent: unknown[]; deadline?: number }): Promise<Ended> {
  const { path, requestStream, responseStream } = words[method] as { path: string; requestStream: boolean; responseStream: boolean }
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const messages: unknown[] = []
  const metadata = new Metadata()
  metadata.set('x-asked', '1')
  const end = (_: unknown, answer?: unknown): void => {
    if (answer !== undefined) messages.push(answer)
  }
  const made = requestStream
    ? responseStream
      ? client.makeBidiStreamRequest(path, write, read, metadata, options)
      : client.makeClientStreamRequest(path, write, read, metadata, options, end)
    : responseStream
      ? client.makeServerStreamRequest(path, write, read, sent[0], metadata, options)
      : client.makeUnaryRequest(path, write, read, sent[0], metadata, options, end)
  const events = made as NodeJS.EventEmitter
  if (responseStream) events.on('data', (message) => messages.push(message)).on('error', () => {})
  if (requestStream) {
    const stream = made as ReturnType<Client['makeBidiStreamRequest']>
    for (const message of sent) stream.write(message)
    stream.end()
  }
  events.on('status', ({ code, details, metadata }) => setImmediate(() => resolve({ code, details, metadata, messages })))
  return promise
}

// Node.js 24 cannot hold back a stream over TLS that is not over a socket.
const hasSecuredStreams = Number.parseInt(process.versions.node, 10) >= 26

const fidelities: [string, () => TestMeshOptions][] = [
  ['direct', () => ({})],
  ['wire', () => ({ wire: grpcWire })],
  ...(hasSecuredStreams
    ? [['wire with mutual TLS', () => ({ wire: grpcWire, authority: testAuthority() })] as [string, () => TestMeshOptions]]
    : []),
]

describe.each(fidelities)('fidelity %s', (fidelity, options) => {
  it('answers calls of all four kinds by a definition', async () => {
    const mesh = made(options())
    const service = mesh.service<GrpcRequest>(
      'words',
      {},
      grpcService(words, {
        Say: ({ message }: GrpcRequest<{ text: string }>) => ({ echo: message?.text }),
        Gather: async ({ messages }: GrpcRequest<string>) => {
          let all = ''
          for await (const message of messages) all += message
          return grpcReply(all, { trailers: { 'x-bytes-bin': Buffer.from([0, 255]) } })
        },
        Scatter: ({ message }: GrpcRequest<string>) => grpcReply.stream(...(message ?? '')),
        Talk: ({ messages }: GrpcRequest<string>) => grpcReply.from(doubled(messages)),
      } as never),
    )
    const caller = client(mesh)
    expect(await call(caller, 'Say', { sent: [{ text: 'a' }] })).toMatchObject({ code: Status.OK, messages: [{ echo: 'a' }] })
    const gathered = await call(caller, 'Gather', { sent: ['a', 'b'] })
    expect([gathered.messages, gathered.metadata.get('x-bytes-bin')]).toEqual([['ab'], [Buffer.from([0, 255])]])
    expect(await call(caller, 'Scatter', { sent: ['abc'] })).toMatchObject({ code: Status.OK, messages: ['a', 'b', 'c'] })
    expect(await call(caller, 'Talk', { sent: ['a', 'b'] })).toMatchObject({ code: Status.OK, messages: ['aa', 'bb'] })
    expect(service.calls.map(({ request }) => [request.method, request.metadata.get('x-asked')])).toEqual(
      ['Say', 'Gather', 'Scatter', 'Talk'].map((method) => [method, ['1']]),
    )
    expect(service.calls[0]?.request.metadata.get('traceparent')).toHaveLength(1)
  })

  it('answers with a status, and UNIMPLEMENTED for what has no handler', async () => {
    const mesh = made(options())
    mesh.service(
      'words',
      {},
      grpcService(words, { Say: () => grpcReply.status('NOT_FOUND', 'no “such” word', { trailers: { why: 'x' } }) }),
    )
    const ended = await call(client(mesh), 'Say', { sent: ['a'] })
    expect([ended.code, ended.details, ended.metadata.get('why')]).toEqual([Status.NOT_FOUND, 'no “such” word', ['x']])
    expect((await call(client(mesh), 'Talk', { sent: ['a'] })).code).toBe(Status.UNIMPLEMENTED)
  })

  it.each(['data', 'status'])('takes what the program throws where it hears of %s for no failure of the service', async (event) => {
    const mesh = made(options())
    mesh.service('words', {}, grpcService(words, { Scatter: () => grpcReply.stream('a') }))
    const others = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[]
    process.removeAllListeners('uncaughtException')
    try {
      const caught = once(process, 'uncaughtException')
      const bug = new Error('a bug of the program')
      const { path } = words.Scatter as { path: string }
      const stream = client(mesh).makeServerStreamRequest(path, write, read, 'a')
      stream.on('data', () => {}).on('error', () => {})
      stream.prependListener(event, () => {
        throw bug
      })
      expect((await caught)[0]).toBe(bug)
    } finally {
      for (const other of others) process.on('uncaughtException', other)
    }
  })

  it('is tried again on the other instance', async () => {
    const policy = { service: 'words', retry: { attempts: 2, on: ['unavailable', 'unreached'] } }
    const mesh = made({ ...options(), policy })
    const handler = (_: GrpcRequest, n: number): unknown => (n === 0 ? grpcReply.status('UNAVAILABLE') : grpcReply(write('x')))
    const service = mesh.service<GrpcRequest>('words', { instances: 2 }, handler)
    expect(await call(client(mesh), 'Say', { sent: ['a'] })).toMatchObject({ code: Status.UNAVAILABLE })
    expect(service.calls).toHaveLength(1)
    service.instances[0]?.stop()
    expect(await call(client(mesh), 'Say', { sent: ['a'] })).toMatchObject({ code: Status.OK, messages: ['x'] })
  })

  it.each(['head', 'body'] as const)('loses the connection at the %s', async (at) => {
    const mesh = made(options())
    mesh.service('words', {}, () => grpcReply.broken(at === 'head' ? { at } : { at, messages: [write('a')] }))
    const { code, messages } = await call(client(mesh), 'Scatter', { sent: ['a'] })
    expect([code, messages]).toEqual([Status.UNAVAILABLE, at === 'head' ? [] : ['a']])
  })

  it('tells a handler when its caller leaves', async () => {
    const mesh = made(options())
    const { promise: left, resolve } = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    mesh.service<GrpcRequest>('words', {}, ({ signal, timeoutMs }) => {
      signal.addEventListener('abort', () => resolve())
      expect(timeoutMs).toBeGreaterThan(0)
      asked.resolve()
      return grpcReply.never()
    })
    const caller = client(mesh)
    const talk = caller.makeBidiStreamRequest('/test.Words/Talk', write, read)
    talk.on('error', () => {})
    talk.write('a')
    await asked.promise
    talk.cancel()
    await left
  })

  it('takes a handler that fails for a service that crashed', async () => {
    const mesh = made(options())
    mesh.service('words', {}, () => {
      throw new Error('oh')
    })
    expect((await call(client(mesh), 'Say', { sent: ['a'] })).code).toBe(Status.UNAVAILABLE)
  })

  it.runIf(fidelity === 'direct')('passes no time by itself', async () => {
    const mesh = made(options())
    mesh.service('words', {}, () => grpcReply.delayed(1000, grpcReply.stream(write('a'), 500, write('b'))))
    const ended = call(client(mesh), 'Scatter', { sent: ['a'] })
    await mesh.clock.advance('1s')
    await mesh.clock.advance('500ms')
    expect(await ended).toMatchObject({ code: Status.OK, messages: ['a', 'b'] })
    const late = call(client(mesh), 'Say', { sent: ['a'], deadline: Date.now() + 60_000 })
    await mesh.clock.advance('61s')
    expect((await late).code).toBe(Status.DEADLINE_EXCEEDED)
  })
})

it.skipIf(hasSecuredStreams)('says which Node.js mutual TLS in memory needs', () => {
  expect(() => testMesh({ wire: grpcWire, authority: testAuthority() })).toThrow(/needs Node\.js 26/)
})

it('names a method that the definition has not', () => {
  expect(() => grpcService(words, { Sing: () => null })).toThrow(/no method Sing; there are Say, Gather, Scatter, Talk/)
  expect(() => grpcReply.status('NO_SUCH')).toThrow(/no status NO_SUCH/)
})

async function* doubled(messages: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const message of messages) yield message + message
}
