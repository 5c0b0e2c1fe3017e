import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { type ControlDocument, controlDocumentSchema, hashOfEndpoints, problemSchema } from '@zerohop/mesh-core/policy'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { type ControlApi, createControlApi } from './control-api.ts'
import { memoryStores } from './store/memory-stores.ts'

let control: ControlApi
let port = 0
let admin = ''
let shop = ''

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

async function ask(method: string, path: string, rest: { token?: string; body?: unknown; gzip?: boolean } = {}): Promise<Answer> {
  const { token = admin, body, gzip = false } = rest
  const request = httpRequest({ port, method, path, agent: false })
  if (token !== '') request.setHeader('authorization', `Bearer ${token}`)
  if (gzip) request.setHeader('accept-encoding', 'gzip, deflate')
  if (body !== undefined) request.setHeader('content-type', 'application/json')
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = await once(request, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

function poll(rest: string, options: { token?: string; gzip?: boolean } = {}): Promise<Answer> {
  return ask('GET', `/v1/documents/shop?instance=shop-1&schema=2&${rest}`, { token: shop, ...options })
}

function documentIn({ status, body }: Answer): ControlDocument {
  expect(status).toBe(200)
  return controlDocumentSchema.parse(JSON.parse(body.toString()))
}

function problemIn({ body }: Answer) {
  return problemSchema.parse(JSON.parse(body.toString())).error
}

function lease(service: string, n: number, rest: object = {}): Promise<Answer> {
  return ask('PUT', `/v1/instances/${service}/${service}-${n}`, { body: { address: `10.0.0.1:${1000 + n}`, ...rest } })
}

beforeAll(async () => {
  const settings = { data: 'unused', host: '127.0.0.1', port: 0, lease: 30_000, maxConnections: 1000, tls: 'off' } as const
  control = await createControlApi(settings, { stores: memoryStores(systemClock) })
  admin = control.freshAdminToken ?? ''
  port = (await control.listen()).port
  const answer = await ask('POST', '/v1/tokens', { body: { service: 'shop' } })
  shop = (JSON.parse(answer.body.toString()) as { token: string }).token
})

afterAll(() => control.close({ graceMs: 0 }))

describe('over a socket', () => {
  test('a lease is taken, seen by a poll, renewed and ended', async () => {
    const taken = await lease('payment', 1, { labels: { version: 'v1' }, zone: 'a' })
    expect(taken.status).toBe(200)
    expect(JSON.parse(taken.body.toString())).toEqual({ leaseMs: 30_000, renewMs: 5000 })
    const first = documentIn(await poll('uses=payment'))
    const section = first.endpoints.payment
    if (section === undefined || !('full' in section)) throw new Error('expected the whole list')
    expect(section.hash).toBe(hashOfEndpoints(section.full))
    const parked = poll(`uses=payment&wait=20s&after=${first.version}`)
    expect((await ask('DELETE', '/v1/instances/payment/payment-1')).status).toBe(204)
    expect(documentIn(await parked).endpoints.payment).toMatchObject({ full: [] })
  })

  test('a policy that is written reaches a parked poll', async () => {
    const { version } = documentIn(await poll('uses=user'))
    const parked = poll(`uses=user&wait=20s&after=${version}`)
    const body = { service: 'user', timeout: '2s' }
    expect((await ask('PUT', '/v1/policies/user?force=true', { body })).status).toBeLessThan(300)
    expect(documentIn(await parked).policies.user?.document).toEqual(body)
  })

  test('a wait that is over ends with 204 and a version', async () => {
    const { version } = documentIn(await poll('uses=quiet'))
    const { status, headers, body } = await poll(`uses=quiet&after=${version}&wait=1ms`)
    expect([status, body.length]).toEqual([204, 0])
    expect(headers['zerohop-version']).toMatch(/^[0-9a-z]+\.\d+$/)
  })

  test('a long answer is zipped for who reads that, whole or as a delta, and adds up to the same', async () => {
    await Promise.all(Array.from({ length: 80 }, (_, n) => lease('large', n)))
    const plain = await poll('uses=large')
    const zipped = await poll('uses=large', { gzip: true })
    expect(zipped.headers['content-encoding']).toBe('gzip')
    expect(zipped.body.length).toBeLessThan(plain.body.length / 2)
    expect(JSON.parse(gunzipSync(zipped.body).toString())).toEqual(JSON.parse(plain.body.toString()))
    const parked = poll(`uses=large&wait=20s&after=${documentIn(plain).version}`)
    await lease('large', 3, { zone: 'b' })
    const { put, drop } = documentIn(await parked).endpoints.large as { put: unknown[]; drop: unknown[] }
    expect([put, drop]).toMatchObject([[{ address: '10.0.0.1:1003', zone: 'b' }], []])
  })

  test('a poll whose connection is lost is parked no more', async () => {
    const { version } = documentIn(await poll('uses=quiet'))
    const socket = connect(port, '127.0.0.1')
    const path = `/v1/documents/shop?instance=lost-1&schema=2&uses=quiet&wait=4m&after=${version}`
    const head = `GET ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${shop}\r\n\r\n`
    socket.write(head)
    await once(socket, 'data')
    socket.write(head.replace(/after=[^ ]+/, `after=${version}`))
    await expect.poll(parkedOf('lost-1')).toBe(true)
    socket.destroy()
    await expect.poll(parkedOf('lost-1')).toBe(false)
  })
})

function parkedOf(instance: string): () => Promise<boolean | undefined> {
  return async () => {
    const { body } = await ask('GET', '/v1/status?service=shop')
    const status = JSON.parse(body.toString()) as { instances: { instance: string; parked: boolean }[] }
    return status.instances.find((one) => one.instance === instance)?.parked
  }
}

describe('whoever asks wrongly is told why', () => {
  const other = '/v1/documents/payment?instance=a&schema=2'
  test.each([
    ['no token', () => poll('', { token: '' }), 401, 'no_token'],
    ['a wrong token', () => poll('', { token: `zh_${'a'.repeat(12)}_${'b'.repeat(43)}` }), 401, 'wrong_token'],
    ['the token of another service', () => ask('GET', other, { token: shop }), 403, 'wrong_service'],
    ['the lease of another service', () => ask('PUT', '/v1/instances/payment/a', { token: shop, body: {} }), 403, 'wrong_service'],
    ['the status without being an admin', () => ask('GET', '/v1/status', { token: shop }), 403, 'admin_only'],
    ['ten thousand uses', () => poll(`uses=${Array.from({ length: 10_000 }, (_, n) => `s${n}`).join(',')}`), 400, 'bad_parameter'],
    ['a wait of a year', () => poll('wait=1y'), 400, 'bad_parameter'],
    ['a service that is none', () => ask('GET', '/v1/documents/%2e%2e?instance=a&schema=2'), 400, 'bad_parameter'],
    ['documents of `defaults`', () => ask('GET', '/v1/documents/defaults?instance=a&schema=2'), 400, 'bad_parameter'],
    ['a lease of `defaults`', () => lease('defaults', 1), 400, 'bad_parameter'],
    ['an address without a port', () => lease('payment', 1, { address: '10.0.0.1' }), 422, 'bad_body'],
    ['a port that is none', () => lease('payment', 1, { address: '10.0.0.1:70000' }), 422, 'bad_body'],
    ['too many labels', () => lease('payment', 1, { labels: labels(65) }), 422, 'bad_body'],
    ['a label that is too long', () => lease('payment', 1, { labels: { version: 'v'.repeat(257) } }), 422, 'bad_body'],
    ['a field that is none', () => lease('payment', 1, { adress: 'x' }), 422, 'bad_body'],
  ])('%s', async (_, wrong, status, code) => {
    const answer = await wrong()
    expect([answer.status, problemIn(answer).code]).toEqual([status, code])
    expect(problemIn(answer).message).toMatch(/^[A-Z].{15,}[.?]$/s)
    expect(answer.body.toString()).not.toMatch(/zh_[a-zA-Z0-9]/)
  })

  test('a URL beyond all measure', async () => {
    expect((await poll(`uses=${'a'.repeat(200_000)}`)).status).toBe(431)
  })
})

function labels(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, 'x']))
}
