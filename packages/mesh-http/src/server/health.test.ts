import type http from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, ServersUnderTest } from './server-under-test.ts'

const servers = new ServersUnderTest()
const serve = servers.serve
afterEach(() => servers.close())

describe('health pages', () => {
  it('answer before any layer: a full server is alive and ready', async () => {
    const { url } = await serve(() => {}, { policy: { fault: { inbound: { abort: { status: 500 } } } } })
    expect(await ask(`${url}/livez`)).toMatchObject({ status: 200, body: 'ok\n' })
    expect(await ask(`${url}/readyz?verbose`)).toMatchObject({ status: 200, body: 'ok\n' })
    expect(await ask(`${url}/readyz`, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect((await ask(url)).status).toBe(500)
  })

  it('leave other methods and longer paths to the application', async () => {
    const { url } = await serve((request, response) => response.end(`app ${request.method} ${request.url}`))
    expect((await ask(`${url}/readyz`, { method: 'POST' })).body).toBe('app POST /readyz')
    expect((await ask(`${url}/readyz/x`)).body).toBe('app GET /readyz/x')
  })

  it('stand under a prefix, or not at all', async () => {
    const app = (_: unknown, response: http.ServerResponse): unknown => response.end('app')
    const { url: prefixed } = await serve(app, { health: '/internal' })
    expect((await ask(`${prefixed}/internal/livez`)).body).toBe('ok\n')
    expect((await ask(`${prefixed}/livez`)).body).toBe('app')
    const { url: without } = await serve(app, { health: false })
    expect((await ask(`${without}/livez`)).body).toBe('app')
  })

  it.each([
    ['says no', () => false],
    ['says something else than true', () => 'yes' as never],
    ['throws', () => Promise.reject(new Error('database password is wrong'))],
  ])('are 503 where the application %s', async (_, readiness) => {
    const { url } = await serve(() => {}, { readiness })
    const answer = await ask(`${url}/readyz`)
    expect(answer.status).toBe(503)
    expect(answer.body).toMatch(/^the readiness check (said no|failed)\n$/)
    expect((await ask(`${url}/livez`)).status).toBe(200)
  })

  it('ask the application once at a time, however many ask them', async () => {
    const asked: ((ready: boolean) => void)[] = []
    const { url } = await serve(() => {}, { readiness: () => new Promise((resolve) => asked.push(resolve)) })
    const answers = [1, 2, 3].map(() => ask(`${url}/readyz`))
    await ask(`${url}/livez`)
    expect(asked).toHaveLength(1)
    asked[0]?.(true)
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200, 200])
  })
})
