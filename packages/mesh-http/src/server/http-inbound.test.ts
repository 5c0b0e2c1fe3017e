import { text } from 'node:stream/consumers'
import { currentAmbient, partsOf } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, ServersUnderTest } from './server-under-test.ts'

const servers = new ServersUnderTest()
const serve = servers.serve
afterEach(() => servers.close())

describe('a request', () => {
  it('gives node’s own request and response to the application', async () => {
    const { url } = await serve(async (request, response) => {
      response.setHeader('x-method', request.method as string)
      response.end(`${request.url} ${await text(request)}`)
    })
    const answer = await ask(`${url}/a?b=c`, { method: 'POST', body: 'body' })
    expect([answer.status, answer.headers['x-method'], answer.body]).toEqual([200, 'POST', '/a?b=c body'])
  })

  it('runs the handler under the request’s trace, baggage and deadline, in its listeners too', async () => {
    const seen: unknown[] = []
    const { url, mesh } = await serve((request, response) => {
      const note = (): unknown => seen.push(currentAmbient())
      note()
      request.on('end', note).resume()
      request.on('end', () => setTimeout(() => response.end(String(note())), 1))
    })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const before = partsOf(mesh).clock.now()
    const headers = { traceparent, tracestate: 'a=1', baggage: 'user=7', 'zerohop-timeout': '5000' }
    await ask(url, { method: 'POST', headers, body: 'x'.repeat(100_000) })
    expect(seen).toHaveLength(3)
    expect(new Set(seen).size).toBe(1)
    const [ambient] = seen as [NonNullable<ReturnType<typeof currentAmbient>>]
    expect(ambient.trace).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', state: 'a=1' })
    expect(ambient.baggage).toBe('user=7')
    expect(ambient.deadlineAt - before).toBeGreaterThan(4900)
    expect(ambient.deadlineAt - before).toBeLessThan(6000)
    expect([ambient.bindsAt(0), ambient.ending]).toEqual([false, 0])
  })

  it.each(['', '0', '-5', '5.5', '1e3', '86400001', '99999999999', '5000, 5000', 'soon'])('ignores the timeout %j', async (timeout) => {
    let deadlineAt = 0
    const { url } = await serve((_, response) => {
      deadlineAt = currentAmbient()?.deadlineAt ?? 0
      response.end()
    })
    expect((await ask(url, { headers: { 'zerohop-timeout': timeout } })).status).toBe(200)
    expect(deadlineAt).toBe(Number.POSITIVE_INFINITY)
  })

  it('begins a trace of its own where traceparent was sent twice', async () => {
    let traceId = ''
    const { url } = await serve((_, response) => {
      traceId = currentAmbient()?.trace?.traceId ?? ''
      response.end()
    })
    const [one, two] = ['a', 'b'].map((digit) => `cc-${digit.repeat(32)}-${digit.repeat(16)}-01`)
    await ask(url, { headers: { traceparent: `${one}-more` } })
    expect(traceId).toBe('a'.repeat(32))
    await ask(url, { headers: ['host', 'x', 'traceparent', `${one}-more`, 'traceparent', two as string] as never })
    expect(traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(traceId).not.toBe('a'.repeat(32))
  })

  it('with a header that is called like the prototype of all things is judged and served like any other', async () => {
    const policy = { access: { deny: [{ headers: { 'x-tenant': { exact: 'evil' } } }] } }
    const { url } = await serve((_, response) => response.end(), { policy })
    const statusWith = (...more: string[]): Promise<number> =>
      ask(url, { headers: ['host', 'x', '__proto__', 'a', 'traceparent', 'b', 'traceparent', 'c', ...more] as never }).then(
        ({ status }) => status,
      )
    expect([await statusWith(), await statusWith('x-tenant', 'evil'), await statusWith('X-Tenant', 'a', 'x-tenant', 'evil')]).toEqual([
      200, 403, 403,
    ])
    expect(servers.lines).toHaveLength(1)
  })

  it('counts requests by their status', async () => {
    const { url, mesh } = await serve((request, response) => {
      response.statusCode = Number(request.url?.slice(1))
      response.end()
    })
    for (const status of [200, 404, 503]) await ask(`${url}/${status}`)
    const metrics = await mesh.metrics()
    for (const [status, verdict] of [
      ['200', 'ok'],
      ['404', 'rejected'],
      ['503', 'unavailable'],
    ]) {
      const line = metrics
        .split('\n')
        .find((each) => each.includes('inbound') && each.includes(`status="${status}"`) && each.includes('calls_total'))
      expect(line).toContain(`verdict="${verdict}"`)
      expect(line).toMatch(/ 1$/)
    }
  })
})
