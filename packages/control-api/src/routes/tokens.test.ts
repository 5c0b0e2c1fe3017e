import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { codeOf, RunningControl } from '../testing/running-control.ts'

let running: RunningControl
beforeEach(async () => {
  running = await RunningControl.start()
})
afterEach(() => running.close())

test('strangers are told so before their body is read', async () => {
  for (const [method, path] of [
    ['GET', '/v1/policies'],
    ['PUT', '/v1/policies/a'],
    ['POST', '/v1/tokens'],
    ['GET', '/v1/audit'],
    ['GET', '/v1/history'],
  ] as const) {
    expect(codeOf(await running.ask(method, path, { token: 'zh_nobody' })), path).toEqual([401, 'wrong_token'])
  }
  const silent = await fetch(`${running.url}/v1/policies`)
  expect([silent.status, silent.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1')
  socket.write(
    'PUT /v1/policies/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 200000\r\nconnection: close\r\n\r\n{',
  )
  const answer = await text(socket)
  expect(answer).toMatch(/^HTTP\/1\.1 401 /)
})

test('a service token writes no policy, and makes no token', async () => {
  const made = await running.ask('POST', '/v1/tokens', { body: { service: 'cart' } })
  expect([made.status, made.headers.get('cache-control'), made.body.service]).toEqual([201, 'no-store', 'cart'])
  const token = made.body.token as string
  expect(token).toMatch(/^zh_[\w-]{12}_[\w-]{43}$/)
  for (const [method, path] of [
    ['GET', '/v1/policies'],
    ['PUT', '/v1/policies/cart'],
    ['POST', '/v1/tokens'],
    ['GET', '/v1/status'],
  ] as const) {
    expect(codeOf(await running.ask(method, path, { token })), path).toEqual([403, 'admin_only'])
  }
})

test('a token that was taken back is a stranger, and the last admin stays', async () => {
  const { id, token } = (await running.ask('POST', '/v1/tokens', { body: { admin: true, name: 'ci pipeline' } })).body
  expect((await running.ask('GET', '/v1/policies', { token })).status).toBe(200)
  expect((await running.ask('DELETE', `/v1/tokens/${id}`)).status).toBe(204)
  expect(codeOf(await running.ask('GET', '/v1/policies', { token }))).toEqual([401, 'revoked_token'])
  const { tokens } = (await running.ask('GET', '/v1/tokens')).body
  expect(tokens.map(({ state }: { state: string }) => state)).toEqual(['valid', 'revoked'])
  expect(codeOf(await running.ask('DELETE', `/v1/tokens/${id}`))).toEqual([404, 'unknown_token'])
  expect(codeOf(await running.ask('DELETE', `/v1/tokens/${running.admin.slice(3, 15)}`))).toEqual([409, 'last_admin'])
  for (const body of [{}, { service: 'A' }, { service: 'a', admin: true, name: 'x' }, { admin: true }, { admin: true, name: 'a\nb' }]) {
    expect(codeOf(await running.ask('POST', '/v1/tokens', { body })), JSON.stringify(body)).toEqual([422, 'bad_body'])
  }
})

test.each<[body: object, problem: string]>([
  [{}, 'service: expected the name of a service, or `admin: true` for an admin token'],
  [{ service: 'defaults' }, 'service: `defaults` are no service'],
  [{ admin: true }, 'name: expected a name, by which history and audit show who it was'],
  [{ service: 'a', admin: true, name: 'x' }, 'admin: `admin` and `service` exclude each other'],
  [{ admin: true, name: 'x', singleUse: true }, 'singleUse: means nothing with `admin`'],
  [{ admin: true, name: 'x', expiresIn: '1h' }, 'expiresIn: means nothing with `admin`'],
  [{ admin: false, name: 'x' }, 'admin: expected true'],
  [{ service: 'cart', expiresin: '1h' }, 'expiresin: unknown key `expiresin`: did you mean `expiresIn`?'],
])('a token is not made of %j, which is told by its field', async (body, problem) => {
  const { status, body: answer } = await running.ask('POST', '/v1/tokens', { body })
  expect([status, answer.error.message]).toEqual([422, expect.stringContaining(`The body is wrong: ${problem}`)])
  expect(answer.error.message).not.toContain('?.')
})

test('a rollback says what it needs', async () => {
  for (const [body, problem] of [
    [{}, 'revision: expected the number of a revision, from 0, but it is missing'],
    [{ revision: -1 }, 'revision: expected the number of a revision, from 0, found -1'],
    [{ revision: '1' }, 'revision: expected the number of a revision, from 0, found "1"'],
  ] as const) {
    const { body: answer } = await running.ask('POST', '/v1/policies:rollback', { body })
    expect(answer.error.message).toBe(`The body is wrong: ${problem}.`)
  }
})

test('a token for one certificate is refused for anything else, and one that expires says when', async () => {
  const { body } = await running.ask('POST', '/v1/tokens', { body: { service: 'cart', singleUse: true, expiresIn: '1h' } })
  expect(body).toMatchObject({ singleUse: true, expiresAt: body.createdAt + 3_600_000, state: 'valid' })
  const { token } = body
  for (const path of ['/v1/documents/cart?instance=a&schema=4', '/v1/policies']) {
    expect(codeOf(await running.ask('GET', path, { token })), path).toEqual([403, 'single_use_token'])
  }
  for (const expiresIn of ['0s', '10000h', 'soon', -1, true]) {
    expect(codeOf(await running.ask('POST', '/v1/tokens', { body: { service: 'cart', expiresIn } })), `${expiresIn}`).toEqual([
      422,
      'bad_body',
    ])
  }
})

test('an admin token is rotated by itself: the new one is good, the old one void', async () => {
  const { token, name } = (await running.ask('POST', '/v1/tokens:rotate-admin')).body
  expect(name).toBe('admin')
  expect(codeOf(await running.ask('GET', '/v1/policies'))).toEqual([401, 'revoked_token'])
  expect((await running.ask('GET', '/v1/policies', { token })).status).toBe(200)
})

test('every write leaves a line, in the audit and in the log', async () => {
  await running.put('payment', { timeout: '5s' })
  const { id } = (await running.ask('POST', '/v1/tokens', { body: { service: 'cart' } })).body
  await running.put('payment', { timeout: 'soon' })
  const { entries } = (await running.ask('GET', '/v1/audit?limit=10')).body
  const by = `admin (${running.admin.slice(3, 15)})`
  expect(entries).toMatchObject([
    { number: 2, by, action: 'token.create', subject: `${id} (service cart)`, revision: null },
    { number: 1, by, remote: '127.0.0.1', action: 'policy.put', subject: 'payment', revision: 1, forced: true },
  ])
  expect(running.lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'audit', action: 'policy.put', revision: 1 },
    { level: 'audit', action: 'token.create' },
  ])
})

test('who comes with a token that was taken back is written down, without the token', async () => {
  const { token, id } = (await running.ask('POST', '/v1/tokens', { body: { service: 'cart' } })).body
  await running.ask('DELETE', `/v1/tokens/${id}`)
  for (let at = 0; at < 3; at++) {
    expect(codeOf(await running.ask('GET', '/v1/documents/cart?instance=a&schema=4', { token }))).toEqual([401, 'revoked_token'])
  }
  const { entries } = (await running.ask('GET', '/v1/audit?limit=2')).body
  expect(entries).toMatchObject([
    { by: `cart (${id})`, remote: '127.0.0.1', action: 'token.refuse', subject: `${id} (service cart), revoked_token` },
    { action: 'token.revoke' },
  ])
  expect(JSON.stringify(entries)).not.toContain(token.slice(16, 40))
})

test('no secret is in a log, an error, a list or a metric', async () => {
  const made = (await running.ask('POST', '/v1/tokens', { body: { service: 'cart' } })).body.token as string
  const rotated = (await running.ask('POST', '/v1/tokens:rotate-admin')).body.token as string
  const old = running.admin
  running.admin = rotated
  const wrong = `${made.slice(0, -4)}AAAA`
  const said: string[] = [...running.lines]
  for (const token of [made, rotated, old, wrong]) {
    for (const path of [
      '/v1/policies',
      '/v1/tokens',
      '/v1/audit',
      '/v1/history',
      '/v1/status',
      '/metrics',
      '/v1/openapi.json',
      `/v1/policies/${token}`,
      `/${token}`,
    ]) {
      const { body, headers } = await running.ask('GET', path, { token })
      said.push(JSON.stringify(body), JSON.stringify([...headers]))
    }
  }
  const secrets = [made, rotated, old, wrong].map((token) => token.slice(16))
  const told = said.filter((line) => secrets.some((secret) => line.includes(secret.slice(0, 20))))
  expect(told).toEqual([])
  expect(said.length).toBeGreaterThan(60)
})
