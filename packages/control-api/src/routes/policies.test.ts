import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Answer, codeOf, RunningControl } from '../testing/running-control.ts'

let running: RunningControl
beforeEach(async () => {
  running = await RunningControl.start()
})
afterEach(() => running.close())

test('policies are written as JSON or YAML and read as they were written', async () => {
  const first = await running.put('payment', { timeout: '5s' })
  expect([first.status, first.body.revision, first.headers.get('etag')]).toEqual([201, 1, '"1"'])
  const second = await running.ask('PUT', '/v1/policies/defaults', { body: 'timeout: 2s # short\n', type: 'text/yaml; charset=utf-8' })
  expect([second.status, second.body]).toEqual([201, { service: 'defaults', revision: 2, changed: true, warnings: [] }])
  expect((await running.ask('GET', '/v1/policies')).body).toEqual({
    revision: 2,
    policies: [
      { service: 'payment', revision: 1, document: { service: 'payment', timeout: '5s' } },
      { service: 'defaults', revision: 2, document: { timeout: '2s' } },
    ],
  })
  const read = await running.ask('GET', '/v1/policies/payment')
  expect([read.headers.get('etag'), read.body.document]).toEqual(['"1"', { service: 'payment', timeout: '5s' }])
  expect((await running.ask('GET', '/v1/policies/payment', { headers: { 'if-none-match': '"1"' } })).status).toBe(304)
  expect(codeOf(await running.ask('GET', '/v1/policies/cart'))).toEqual([404, 'unknown_policy'])
})

test('of two writers who saw the same revision, one wins and the other is told the newest', async () => {
  await running.put('payment', { timeout: '5s' })
  const answers = await Promise.all(['1s', '2s', '3s', '4s'].map((timeout) => running.put('payment', { timeout }, { 'if-match': '"1"' })))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412])
  const loser = answers.find(({ status }) => status === 412) as Answer
  expect([loser.body.error.code, loser.headers.get('etag')]).toEqual(['stale_revision', '"2"'])
  const firsts = await Promise.all(['1s', '2s'].map((timeout) => running.put('cart', { timeout }, { 'if-none-match': '*' })))
  expect(firsts.map(({ status }) => status).sort()).toEqual([201, 412])
  expect(codeOf(await running.put('payment', { timeout: '9s' }, { 'if-match': 'W/"2"' }))).toEqual([400, 'bad_header'])
  expect(codeOf(await running.put('nobody', { timeout: '9s' }, { 'if-match': '*' }))).toEqual([412, 'stale_revision'])
  expect((await running.put('payment', { timeout: '9s' }, { 'if-match': '*' })).status).toBe(200)
})

test('policies that exclude each other are not accepted both because they came at the same time', async () => {
  for (let at = 0; at < 500; at++) await running.put(`s${at}`, { timeout: '1s' })
  const answers = await Promise.all([
    running.ask('PUT', '/v1/policies/defaults', { body: { timeout: '1s' } }),
    running.put('payment', { attemptTimeout: '2s' }),
  ])
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 422])
})

test('policies that say what is stored already make no revision', async () => {
  await running.put('payment', { timeout: '5s' })
  expect((await running.put('payment', { service: 'payment', timeout: '5s' })).body).toMatchObject({ revision: 1, changed: false })
  expect((await running.ask('GET', '/v1/history')).body.revisions).toHaveLength(1)
})

test('policies are refused with the path of each wrong field', async () => {
  const { status, body } = await running.put('payment', { timout: '5s', retry: { attempts: 99 } })
  expect([status, body.error.code]).toEqual([422, 'bad_policy'])
  expect(body.error.problems.map(({ path }: { path: string }) => path).sort()).toEqual(['payment.retry.attempts', 'payment.timout'])
  const unknown = await running.ask('PUT', '/v1/policies/payment', { body: { timeout: '5s' } })
  expect([unknown.status, unknown.body.error.code, unknown.body.error.problems[0].path]).toEqual([
    422,
    'unknown_reference',
    'payment.service',
  ])
  expect((await running.ask('GET', '/v1/policies')).body.revision).toBe(0)
})

test('policies that are no JSON, no YAML, of no known type or a megabyte long are refused', async () => {
  expect(codeOf(await running.ask('PUT', '/v1/policies/a', { body: '{"timeout": }' }))).toEqual([400, 'bad_json'])
  expect(codeOf(await running.ask('PUT', '/v1/policies/a', { body: '' }))).toEqual([400, 'bad_json'])
  expect(codeOf(await running.ask('PUT', '/v1/policies/a', { body: 'timeout: [', type: 'application/yaml' }))).toEqual([422, 'bad_policy'])
  expect(codeOf(await running.ask('PUT', '/v1/policies/a', { body: 'timeout: 1s', type: 'text/plain' }))).toEqual([
    415,
    'unsupported_content_type',
  ])
  const large = await running.ask('PUT', '/v1/policies/a', { body: { timeout: '1s', x: 'y'.repeat(1_048_576) } })
  expect([...codeOf(large), large.body.error.message]).toEqual([413, 'too_large', expect.stringContaining('262144 bytes')])
  expect(codeOf(await running.ask('PUT', '/v1/policies/Not%20A%20Name', { body: {} }))).toEqual([400, 'bad_parameter'])
  expect(codeOf(await running.ask('PUT', '/v1/policies/a?forse=true', { body: {} }))).toEqual([400, 'bad_parameter'])
  expect(codeOf(await running.ask('PUT', `/v1/policies/${'a'.repeat(400)}`, { body: {} }))).toEqual([414, 'bad_request'])
})

test('policies go away with their revision, and come back by a rollback', async () => {
  await running.put('payment', { timeout: '5s' })
  await running.put('cart', { timeout: '1s' })
  expect((await running.ask('DELETE', '/v1/policies/payment', { headers: { 'if-match': '"2"' } })).status).toBe(412)
  expect((await running.ask('DELETE', '/v1/policies/payment', { headers: { 'if-match': '"1"' } })).body).toMatchObject({
    revision: 3,
    changed: true,
  })
  expect(codeOf(await running.ask('DELETE', '/v1/policies/payment'))).toEqual([404, 'unknown_policy'])
  expect(codeOf(await running.ask('POST', '/v1/policies:rollback', { body: { revision: 1 } }))).toEqual([422, 'unknown_reference'])
  const back = await running.ask('POST', '/v1/policies:rollback?force=true', { body: { revision: 1 } })
  expect(back.body).toMatchObject({ revision: 4, changed: true, services: ['payment', 'cart'] })
  expect((await running.ask('GET', '/v1/policies')).body.policies).toEqual([
    { service: 'payment', revision: 4, document: { service: 'payment', timeout: '5s' } },
  ])
  expect((await running.ask('POST', '/v1/policies:rollback?force=true', { body: { revision: 1 } })).body).toMatchObject({
    revision: 4,
    changed: false,
  })
  expect(codeOf(await running.ask('POST', '/v1/policies:rollback', { body: { revision: 5 } }))).toEqual([422, 'unknown_revision'])
  expect(codeOf(await running.ask('POST', '/v1/policies:rollback', { body: { revision: -1 } }))).toEqual([422, 'bad_body'])
  const { revisions } = (await running.ask('GET', '/v1/history?service=payment&limit=2')).body
  expect(revisions).toMatchObject([
    { revision: 4, action: 'rollback', by: 'admin', forced: true, services: ['cart', 'payment'] },
    { revision: 3, action: 'delete', forced: false, services: ['payment'] },
  ])
  expect((await running.ask('GET', '/v1/history?before=2')).body.revisions).toMatchObject([{ revision: 1, action: 'put', forced: true }])
  for (const query of ['limit=0', 'limit=1e9', 'before=-1', 'service=A', 'limit=1&limit=2']) {
    expect(codeOf(await running.ask('GET', `/v1/history?${query}`)), query).toEqual([400, 'bad_parameter'])
  }
})

test('policies can be tried: what would change, in words, and nothing does', async () => {
  await running.put('payment', { timeout: '5s' })
  const body = 'service: payment\ntimeout: 2s\nexternal: true\n---\nservice: cart\ntimeout: 1s\nexternal: true\n'
  const tried = await running.ask('POST', '/v1/policies:check', { body, type: 'application/yaml' })
  expect(tried.body).toMatchObject({
    changes: [
      { service: 'payment', action: 'replace', differences: ['timeout: 5s becomes 2s', 'external: true is new'] },
      { service: 'cart', action: 'create' },
    ],
    warnings: [],
  })
  expect(codeOf(await running.ask('POST', '/v1/policies:check', { body: [{ service: 'cart' }] }))).toEqual([422, 'unknown_reference'])
  expect((await running.ask('GET', '/v1/policies')).body.revision).toBe(1)
})

test('policies of 10,000 services are accepted, and the API stays quick', async () => {
  const begun = performance.now()
  for (let at = 0; at < 10_000; at += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, n) => running.put(`s${at + n}`, { timeout: '5s', retry: { attempts: 2 } })))
  }
  expect((await running.ask('GET', '/v1/policies')).body.policies).toHaveLength(10_000)
  expect((await running.ask('PUT', '/v1/policies/defaults', { body: { timeout: '3s' } })).status).toBe(201)
  expect(performance.now() - begun).toBeLessThan(60_000)
}, 90_000)
