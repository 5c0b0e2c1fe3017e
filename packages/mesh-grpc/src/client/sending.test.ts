/** Tests of calls that wait until their service is ready. */
import { Client, credentials, Metadata, type ServiceError, status as Status } from '@grpc/grpc-js'
import { createMesh, type EndpointInfo, WatchSource } from '@zerohop/mesh-core'
import { describe, expect, it } from 'vitest'
import { bytes, until } from './bytes-client-under-test.ts'
import { meshChannel } from './mesh-channel.ts'
import { caller, echoing, upstream } from './upstream-under-test.ts'

const patient = (): { metadata: Metadata } => ({ metadata: new Metadata({ waitForReady: true }) })

function metric(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

describe('a call that waits until the service is ready', () => {
  it('is sent once somebody listens', async () => {
    await using shop = await caller(['127.0.0.1:9'])
    const waiting = shop.client.unary('hello', patient())
    await using server = await upstream(echoing)
    shop.move([server.address])
    expect(await waiting.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, 'hello'])
  })

  it('is one call, takes one token of the rate and none of the budget, and opens no breaker', async () => {
    const policy = {
      timeout: '600ms',
      rateLimit: { outbound: { perSecond: 1, burst: 2 } },
      retry: { attempts: 3, budget: { ratio: 0, minPerSecond: 0 } },
      breaker: { consecutiveFailures: 2, openFor: '1h' },
    }
    await using shop = await caller(['127.0.0.1:9'], { policy })
    const ended = await shop.client.unary('', patient())
    expect([ended.code, ended.details]).toEqual([
      Status.DEADLINE_EXCEEDED,
      expect.stringMatching(
        /^bytes: no answer in time for unary \/test\.Bytes\/unary, after \d+ ms, \d+ attempts, last 127\.0\.0\.1:9 unreached \(it waited until the service was ready: connect ECONNREFUSED 127\.0\.0\.1:9\)$/,
      ),
    ])
    const text = await shop.mesh.metrics()
    expect(metric(text, 'zerohop_calls_total')).toBe(1)
    expect(metric(text, 'zerohop_attempts_total')).toBeGreaterThan(2)
    expect(shop.mesh.explain('bytes').services[0]?.breakers.map(({ state }) => state)).toEqual(['closed'])
    await using server = await upstream(echoing)
    shop.move([server.address])
    expect((await shop.client.unary('')).code).toBe(Status.OK)
  })

  it('ends with its deadline, and with its program', async () => {
    await using shop = await caller(['127.0.0.1:9'])
    expect((await shop.client.unary('', { ...patient(), deadline: Date.now() + 80 })).code).toBe(Status.DEADLINE_EXCEEDED)
    const { call, ended } = shop.client.unaryCall('', patient())
    call.cancel()
    expect((await ended).code).toBe(Status.CANCELLED)
  })

  it('waits for a service that nobody knows yet, and for one that is dropped meanwhile', async () => {
    const listed = new Map<string, WatchSource<readonly EndpointInfo[]>>()
    const discovery = {
      name: 'test',
      watch: (service: string) => listed.get(service) ?? null,
      services: () => [...listed.keys()],
      close: async () => {},
    }
    const come = (address: string): void => void listed.set('bytes', new WatchSource([{ address, labels: {}, zone: '', weight: 1 }]))
    await using mesh = createMesh({ service: 'shopper', discovery, policy: { timeout: '5s' } })
    const client = new Client('bytes', credentials.createInsecure(), { channelOverride: meshChannel(mesh, 'bytes', { definition: bytes }) })
    const ask = (said: { waitForReady?: boolean }, deadline = Date.now() + 4000): Promise<unknown> =>
      new Promise((resolve) => {
        const tell = (error: ServiceError | null, answer?: unknown): void => resolve(error === null ? answer : [error.code, error.details])
        client.makeUnaryRequest('/test.Bytes/unary', Buffer.from, String, 'hello', new Metadata(said), { deadline }, tell)
      })
    const waiting = ask({ waitForReady: true })
    expect(await ask({})).toMatchObject([Status.UNAVAILABLE, expect.stringContaining('no service of that name is registered')])
    await using server = await upstream(echoing)
    come('127.0.0.1:9')
    await until(() => mesh.explain('bytes').services[0]?.endpoints.length === 1)
    listed.get('bytes')?.set([])
    listed.delete('bytes')
    expect(await ask({ waitForReady: true }, Date.now() + 100)).toMatchObject([
      Status.DEADLINE_EXCEEDED,
      expect.stringContaining('(it waited until the service was ready: no endpoint is known)'),
    ])
    come(server.address)
    expect(await waiting).toBe('hello')
  })

  it('fails at once where it does not wait', async () => {
    await using shop = await caller([])
    expect((await shop.client.unary('')).error).toMatchObject({ code: Status.UNAVAILABLE, cause: { code: 'NO_ENDPOINT' } })
  })
})
