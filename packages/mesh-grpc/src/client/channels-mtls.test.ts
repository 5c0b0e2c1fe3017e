/** Tests of calls over mutual TLS: who is believed, what is shown, and how certificates turn over. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServerCredentials, status as Status } from '@grpc/grpc-js'
import { type TestCertificateOptions, testAuthority } from '@zerohop/mesh-core/testing'
import { type IdentitySource, mtlsLabel, mtlsLabelValue } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { until } from './bytes-client-under-test.ts'
import { caller, echoing, type GrpcUpstream, type Handlers, rawUpstream, through, upstream } from './upstream-under-test.ts'

const authority = testAuthority()

afterEach(() => vi.useRealTimers())

/** A plain server of grpc-js that shows a certificate for `service` and wants one. */
function securedUpstream(service: string, handlers: Handlers, options: TestCertificateOptions = {}): Promise<GrpcUpstream> {
  const leaf = authority.issue(service, options)
  const pair = { private_key: Buffer.from(leaf.keyPem), cert_chain: Buffer.from(leaf.pem) }
  return upstream(handlers, { secure: ServerCredentials.createSsl(Buffer.from(authority.root.pem), [pair], true) })
}

function listed(address: string, labels: Record<string, string> = { [mtlsLabel]: mtlsLabelValue }) {
  return { address, labels, zone: '', weight: 1 }
}

/** Answers with the SPIFFE ID of whoever asks. */
const naming: Handlers = {
  ...echoing,
  unary: (call, callback) => callback(null, Buffer.from(call.getAuthContext()?.sslPeerCertificate?.subjectaltname ?? 'nobody')),
}

describe('an endpoint that takes mutual TLS', () => {
  it('is called by it, with the newest certificate of this process', async () => {
    const identity = authority.identitySource('shopper')
    await using server = await securedUpstream('bytes', naming)
    await using shop = await caller([listed(server.address)], { mesh: { identity } })
    const { call, ended } = shop.client.unaryCall('')
    expect(await ended.then(({ code, messages }) => [code, String(messages)])).toEqual([Status.OK, 'URI:spiffe://test.zerohop/svc/shopper'])
    expect(call.getPeer()).toBe(server.address)
    expect(call.getAuthContext()?.sslPeerCertificate?.subjectaltname).toBe('URI:spiffe://test.zerohop/svc/bytes')
  })

  it.each([
    [
      'proves to be another service',
      'billing',
      {},
      /expected spiffe:\/\/test\.zerohop\/svc\/bytes, and the peer proved to be spiffe:\/\/test\.zerohop\/svc\/billing/,
    ],
    [
      'has expired',
      'bytes',
      { notBefore: Date.now() - 7_200_000, notAfter: Date.now() - 3_600_000 },
      /expected spiffe:\/\/test\.zerohop\/svc\/bytes, but its certificate/,
    ],
    ['is signed by itself', 'bytes', { issuer: 'self' }, /its certificate/],
  ] as [string, string, TestCertificateOptions, RegExp][])(
    'but %s is not called: not a byte leaves',
    async (_name, service, options, sentence) => {
      let calls = 0
      await using server = await securedUpstream(service, { unary: () => calls++ }, options)
      await using shop = await caller([listed(server.address)], { mesh: { identity: authority.identitySource('shopper') } })
      const { error, code, details } = await shop.client.unary('')
      expect([code, error]).toMatchObject([Status.UNAVAILABLE, { cause: { code: 'WRONG_PEER', verdict: 'unreached' } }])
      expect(details).toMatch(sentence)
      expect(calls).toBe(0)
    },
  )

  it('of two, one of which is somebody else, is found by every call', async () => {
    await using wrong = await securedUpstream('billing', { unary: (_call, callback) => callback(null, Buffer.from('stolen')) })
    await using right = await securedUpstream('bytes', naming)
    await using shop = await caller([listed(wrong.address), listed(right.address)], {
      mesh: { identity: authority.identitySource('shopper') },
      policy: { retry: { attempts: 3, backoff: { base: 0, cap: 0 } } },
    })
    for (let n = 0; n < 12; n++) expect(String((await shop.client.unary('')).messages)).toContain('svc/shopper')
  })

  it('is called in plaintext by a process without a source of an identity, unless the policy is strict', async () => {
    await using server = await upstream(naming)
    await using plain = await caller([listed(server.address)])
    expect(String((await plain.client.unary('')).messages)).toBe('nobody')
    await using strict = await caller([listed(server.address, {})], { policy: { access: { mtls: 'strict' } } })
    const { code, error } = await strict.client.unary('')
    expect([code, error]).toMatchObject([Status.UNAVAILABLE, { cause: { code: 'NO_IDENTITY' } }])
  })

  it('is not called with a certificate that has expired', async () => {
    const identity = authority.identitySource('shopper', { notBefore: Date.now() - 7_200_000, notAfter: Date.now() - 1000 })
    await using server = await securedUpstream('bytes', naming)
    await using shop = await caller([listed(server.address)], { mesh: { identity } })
    const { code, error } = await shop.client.unary('')
    expect([code, error]).toMatchObject([Status.UNAVAILABLE, { cause: { code: 'NO_IDENTITY' } }])
    identity.turn(authority.identityOf('shopper'))
    expect((await shop.client.unary('')).code).toBe(Status.OK)
  })

  it('is not called while the first certificate does not come, and the call says so', async () => {
    const identity: IdentitySource = {
      name: 'test',
      current: undefined,
      problem: 'the authority is away',
      subscribe: () => () => {},
      settled: () => Promise.resolve(),
      start: () => {},
      renew: async () => {},
      close: async () => {},
    }
    await using server = await securedUpstream('bytes', naming)
    const policy = { connections: { connectTimeout: '50ms' } }
    await using shop = await caller([listed(server.address)], { mesh: { identity }, policy })
    const { error } = await shop.client.unary('')
    expect(error).toMatchObject({ cause: { code: 'NO_IDENTITY', message: expect.stringContaining('the authority is away') } })
  })

  it('that does not believe this process is unreached', async () => {
    await using server = await securedUpstream('bytes', naming)
    const stranger = testAuthority('test.zerohop')
    const identity = stranger.identitySource('shopper')
    identity.turn(stranger.identityOf('shopper', { roots: [authority.root.pem] }))
    await using shop = await caller([listed(server.address)], { mesh: { identity } })
    const { code, error } = await shop.client.unary('')
    expect([code, error]).toMatchObject([Status.UNAVAILABLE, { cause: { code: 'UNREACHED' } }])
  })
})

describe('a new certificate', () => {
  it('takes over without a call that fails, and streams under way live on', async () => {
    const serials = new Set<string>()
    await using server = await securedUpstream('bytes', {
      ...echoing,
      unary: (call, callback) => {
        serials.add(String(call.getAuthContext()?.sslPeerCertificate?.serialNumber))
        callback(null, call.request)
      },
    })
    let open = 0
    await using front = await rawUpstream((socket) => {
      open++
      through(server, socket, () => open--)
    })
    const identity = authority.identitySource('shopper')
    await using shop = await caller([listed(front.address)], { mesh: { identity } })
    const { call, ended } = shop.client.talk()
    const answers: string[] = []
    call.on('data', (message: Buffer) => answers.push(String(message)))
    call.write(Buffer.from('before'))
    await until(() => answers.length === 1)
    const codes = new Set<number>()
    codes.add((await shop.client.unary('')).code)
    identity.turn()
    while (serials.size < 2) codes.add((await shop.client.unary('')).code)
    serials.clear()
    for (let n = 0; n < 20; n++) codes.add((await shop.client.unary('')).code)
    expect([[...codes], serials.size, open]).toEqual([[Status.OK], 1, 2])
    call.end(Buffer.from('after'))
    expect(await ended.then(({ code }) => [code, answers])).toEqual([Status.OK, ['before', 'after']])
    await until(() => open === 1)
  })

  it('that nobody believes leaves the connection of the old one in place', async () => {
    await using server = await securedUpstream('bytes', naming)
    let connections = 0
    await using front = await rawUpstream((socket) => {
      connections++
      through(server, socket)
    })
    const identity = authority.identitySource('shopper')
    await using shop = await caller([listed(front.address)], { mesh: { identity } })
    expect((await shop.client.unary('')).code).toBe(Status.OK)
    const stranger = testAuthority('test.zerohop')
    identity.turn({ ...stranger.identityOf('shopper', { roots: [authority.root.pem] }) })
    await until(() => connections > 1)
    for (let n = 0; n < 50; n++) expect((await shop.client.unary('')).code).toBe(Status.OK)
  })

  it('of which the time is over lets no call begin on its connection', async () => {
    await using server = await securedUpstream('bytes', naming)
    const soon = Date.now() + 1500
    const identity = authority.identitySource('shopper', { notAfter: soon })
    await using shop = await caller([listed(server.address)], { mesh: { identity } })
    expect((await shop.client.unary('')).code).toBe(Status.OK)
    // The mesh's clock and that of the wall differ by parts of a millisecond.
    while (Date.now() < soon + 20) await new Promise((resolve) => setImmediate(resolve))
    expect((await shop.client.unary('')).error).toMatchObject({ cause: { code: 'NO_IDENTITY' } })
  })

  it('of which the time is over by the wall lets no call begin, though the machine slept and the mesh has counted no time', async () => {
    await using server = await securedUpstream('bytes', naming)
    const identity = authority.identitySource('shopper', { notAfter: Date.now() + 60_000 })
    await using shop = await caller([listed(server.address)], { mesh: { identity } })
    expect((await shop.client.unary('')).code).toBe(Status.OK)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    await new Promise((resolve) => setTimeout(resolve, 2))
    expect((await shop.client.unary('')).error).toMatchObject({ cause: { code: 'NO_IDENTITY' } })
    identity.turn(authority.identityOf('shopper'))
    expect((await shop.client.unary('')).code).toBe(Status.OK)
  })
})

it('an endpoint that begins to take mutual TLS is called by it from then on, and no call fails', async () => {
  await using server = await upstream(naming)
  await using secured = await securedUpstream('bytes', naming)
  let behind = server
  await using front = await rawUpstream((socket) => {
    through(behind, socket)
  })
  await using shop = await caller([listed(front.address, {})], { mesh: { identity: authority.identitySource('shopper') } })
  expect(String((await shop.client.unary('')).messages)).toBe('nobody')
  behind = secured
  shop.move([listed(front.address)])
  let answer = ''
  while (!answer.includes('svc/shopper')) {
    const ended = await shop.client.unary('')
    expect(ended.code).toBe(Status.OK)
    answer = String(ended.messages)
  }
  expect(String((await shop.client.unary('')).messages)).toContain('svc/shopper')
})

it('an endpoint in plaintext is called no longer once the policy is strict, though its handshake does not come to an end', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'policy-')), 'bytes.json')
  const write = (mtls: string): void => writeFileSync(path, JSON.stringify({ service: 'bytes', retry: { attempts: 1 }, access: { mtls } }))
  write('permissive')
  let calls = 0
  await using server = await upstream({ unary: (_call, callback) => callback(null, Buffer.from(String(calls++))) })
  // Whoever comes after the first one is kept waiting.
  await using front = await rawUpstream((socket, nth) => void (nth === 0 && through(server, socket)))
  await using shop = await caller([listed(front.address, {})], { mesh: { identity: authority.identitySource('shopper'), policy: path } })
  await shop.client.unary('')
  shop.move([listed(front.address)])
  await shop.client.unary('')
  expect(calls).toBe(2)
  write('strict')
  await vi.waitFor(() => expect(shop.mesh.explain().services[0]?.policy).toMatchObject({ access: { mtls: 'strict' } }), 5000)
  const { code } = await shop.client.unary('', { deadline: Date.now() + 100 })
  expect([code, calls]).toEqual([Status.DEADLINE_EXCEEDED, 2])
})
