import { Server, type ServiceDefinition } from '@grpc/grpc-js'
import { createMesh, type Discovery, type EndpointInfo, type Mesh, WatchSource } from '@zerohop/mesh-core'
import { type TestMesh, type TestService, testAuthority, testMesh } from '@zerohop/mesh-core/testing'
import { mtlsLabel, mtlsLabelValue } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { meshChannel } from './client/mesh-channel.ts'
import { NOT_SERVING, readCheckRequest, SERVING, writeCheckResponse } from './health-message.ts'
import { type GrpcRequest, grpcReply } from './reply.ts'
import { serveGrpc } from './server/grpc-server.ts'
import { until, WordsClient, words } from './server/server-under-test.ts'

const closing: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

function client(mesh: Mesh, service: string): WordsClient {
  return new WordsClient(service, undefined as never, { channelOverride: meshChannel(mesh, service) })
}

const often = { interval: 1000, timeout: 200, unhealthyAfter: 1, healthyAfter: 1 }

/** A service of two instances, checked by `health`; the first one answers checks as `checked` says. */
function scripted(
  health: object,
  checked: (request: GrpcRequest) => unknown,
): { t: TestMesh; service: TestService<GrpcRequest>; moves: string[]; asked: string[] } {
  const t = testMesh({ policy: { service: 'words', health: { ...often, ...health }, retry: { attempts: 1 } } })
  closing.push(t)
  const asked: string[] = []
  const moves: string[] = []
  t.mesh.on('health', ({ endpoint, reason }) => moves.push(`${endpoint} ${reason}`))
  const service: TestService<GrpcRequest> = t.service<GrpcRequest>('words', { instances: 2 }, (request) => {
    if (request.method !== 'Check') return grpcReply('heard')
    asked.push(`${request.path} ${readCheckRequest(request.message as Buffer).service}`)
    const isFirst: boolean = service.calls.at(-1)?.address === service.instances[0]?.address
    return isFirst ? checked(request) : grpcReply(writeCheckResponse(SERVING))
  })
  return { t, service, moves, asked }
}

describe('a check by grpc.health.v1', () => {
  it('asks about the service that the policy names, and takes out who does not serve', async () => {
    let status: typeof SERVING | typeof NOT_SERVING = NOT_SERVING
    const { t, moves, asked } = scripted({ grpc: { service: 'shop.Words' } }, () => grpcReply(writeCheckResponse(status)))
    expect((await client(t.mesh, 'words').unary('a')).messages).toEqual(['heard'])
    await t.clock.advance('3s')
    expect(new Set(asked)).toEqual(new Set(['/grpc.health.v1.Health/Check shop.Words']))
    expect(moves).toEqual([
      expect.stringMatching(/its check of grpc.health.v1 \(shop.Words\) was answered with NOT_SERVING instead of SERVING$/),
    ])
    status = SERVING
    await t.clock.advance('3s')
    expect(moves[1]).toMatch(/its check passes$/)
  })

  it.each([
    ['a server without the health service', () => grpcReply.status('UNIMPLEMENTED'), 'was answered with UNIMPLEMENTED instead of SERVING'],
    ['SERVING and OK', () => grpcReply.from([writeCheckResponse(SERVING)]), ''],
    [
      'an answer that ends badly',
      () => grpcReply.from(dying()),
      'its check of grpc.health.v1 was broken (the scripted service cut the connection)',
    ],
    ['bytes that mean nothing', () => grpcReply(Buffer.from('0a', 'hex')), 'answered with what is no HealthCheckResponse instead'],
    ['an answer without a message', () => grpcReply.stream(), 'answered with no answer instead of SERVING'],
    ['silence', () => grpcReply.never(), 'had no answer within 200 ms'],
    ['silence behind SERVING', () => grpcReply.stream(writeCheckResponse(SERVING), 900), 'had no answer within 200 ms'],
  ])('is judged to its end: %s', async (_, answer, reason) => {
    const { t, moves } = scripted({ grpc: {} }, answer)
    await client(t.mesh, 'words').unary('a')
    await t.clock.advance('1500ms')
    expect(moves).toEqual(reason === '' ? [] : [expect.stringContaining(reason)])
  })

  it('is not what calls over another protocol ask: a check over HTTP asks nobody here', async () => {
    const { t, moves, asked } = scripted({ http: { path: '/healthz' } }, () => grpcReply.never())
    await client(t.mesh, 'words').unary('a')
    await t.clock.advance('5s')
    expect([moves, asked]).toEqual([[], []])
  })
})

describe('a check that asks nothing', () => {
  it('finds out who takes no connection, and who does again', async () => {
    const { t, service, moves, asked } = scripted({ tcp: true }, () => grpcReply.never())
    await client(t.mesh, 'words').unary('a')
    service.instances[0]?.kill()
    await t.clock.advance('2s')
    expect(moves).toEqual([expect.stringMatching(/it took no connection from its check/)])
    service.instances[0]?.start()
    await t.clock.advance('2s')
    expect([moves[1], asked]).toEqual([expect.stringMatching(/its check passes$/), []])
  })
})

describe.each([['permissive'], ['strict']] as const)('over mutual TLS, %s', (mtls) => {
  it.each([
    ['by grpc.health.v1', { grpc: { service: 'test.Words' } }, /was answered with NOT_SERVING instead of SERVING/],
    ['by a connection', { tcp: true }, /it took no connection from its check/],
  ])('an endpoint is asked %s', async (_, health, reason) => {
    const authority = testAuthority()
    const lines: string[] = []
    const log = { info: () => {}, warn: (line: string) => void lines.push(line), error: (line: string) => void lines.push(line) }
    let ready = true
    const served = createMesh({
      service: 'cart',
      log,
      identity: authority.identitySource('cart'),
      policy: { service: 'cart', access: { mtls } },
    })
    const grpc = new Server()
    grpc.addService(
      words as ServiceDefinition,
      { unary: (_: unknown, callback: (error: null, text: string) => void) => callback(null, 'heard') } as never,
    )
    const server = await serveGrpc(served, grpc, { port: 0, host: '127.0.0.1', signals: false, readiness: () => ready })
    closing.push(served)
    const source = new WatchSource<readonly EndpointInfo[]>([
      { address: server.address, labels: { [mtlsLabel]: mtlsLabelValue }, zone: '', weight: 1 },
    ])
    const discovery: Discovery = { name: 'test', watch: () => source, services: () => ['cart'], close: async () => {} }
    const policy = {
      service: 'cart',
      access: { mtls },
      health: { ...health, interval: 100, timeout: 2000, unhealthyAfter: 1, healthyAfter: 1 },
    }
    const mesh = createMesh({ service: 'frontend', log, discovery, identity: authority.identitySource('frontend'), policy })
    closing.push(mesh)
    const moves: string[] = []
    mesh.on('health', ({ reason }) => moves.push(reason))
    expect((await client(mesh, 'cart').unary('a')).messages).toEqual(['heard'])
    if ('grpc' in health) ready = false
    else await server.close({ graceMs: 0 })
    await until(() => moves.length === 1)
    expect(moves[0]).toMatch(reason)
    if (!('grpc' in health)) return
    ready = true
    await until(() => moves.length === 2)
    expect(moves[1]).toBe('its check passes')
  })
})

async function* dying(): AsyncGenerator<Buffer> {
  yield writeCheckResponse(SERVING)
  throw new Error('the scripted service cut the connection')
}
