import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import { createMesh } from '@zerohop/mesh-core'
import { CANCELLED, currentAmbient } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { serveHttp } from './http-server.ts'
import { ask, connect, raw, ServersUnderTest, until } from './server-under-test.ts'

const servers = new ServersUnderTest()
const serve = servers.serve
afterEach(() => servers.close())

describe('wrong options', () => {
  it('are told all at once, with hints', async () => {
    const mesh = createMesh({ service: 'cart' })
    const wrong = { prot: 80, graceMs: -1, health: 'no slash', signals: 'yes' } as never
    const failed = serveHttp(mesh, {} as never, wrong)
    await expect(failed).rejects.toMatchObject({ code: 'BAD_OPTIONS' })
    const message = await failed.catch((error: Error) => error.message)
    for (const part of [
      'app: expected a function',
      'port: missing',
      'did you mean `port`',
      'graceMs:',
      'health:',
      'signals: expected true or false',
    ]) {
      expect(message).toContain(part)
    }
    await mesh.close()
  })

  it('and an address that is taken reject with node’s own error', async () => {
    const { server, mesh } = await serve((_, response) => response.end())
    await expect(serveHttp(mesh, () => {}, { port: server.port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('a server', () => {
  it('answers 431 to a head beyond its bound', async () => {
    const { server } = await serve((_, response) => response.end(), { maxHeaderBytes: 2048 })
    expect(await raw(server, `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(4096)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
  })
})

describe('draining', () => {
  it('answers 503 to /readyz, ends every connection with its response, and still serves', async () => {
    const { server, url } = await serve((_, response) => response.end('served'))
    const agent = new http.Agent({ keepAlive: true })
    expect((await ask(`${url}/readyz`, { agent })).headers.connection).toBe('keep-alive')
    server.drain()
    expect(await ask(`${url}/readyz`, { agent })).toMatchObject({ status: 503, body: 'draining\n', headers: { connection: 'close' } })
    expect((await ask(`${url}/livez`)).status).toBe(200)
    expect(await ask(url, { agent })).toMatchObject({ status: 200, body: 'served', headers: { connection: 'close' } })
    agent.destroy()
  })

  it('closes at once where nobody is connected, and takes no connection afterwards', async () => {
    const { server, url } = await serve((_, response) => response.end())
    await ask(url)
    await server.close({ graceMs: 600_000 })
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('lets a request under way end, tells its caller not to come back, and serves what comes over an old connection', async () => {
    const held: ServerResponse[] = []
    const { server, url } = await serve((request, response) => (request.url === '/slow' ? held.push(response) : response.end('late comer')))
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    await ask(`${url}/first`, { agent })
    const other = new http.Agent({ keepAlive: true })
    const slow = ask(`${url}/slow`, { agent: other })
    await until(() => held.length === 1)
    const closed = server.close({ graceMs: 60_000 })
    expect(await ask(`${url}/again`, { agent })).toMatchObject({ status: 200, body: 'late comer', headers: { connection: 'close' } })
    held[0]?.end('whole')
    expect(await slow).toMatchObject({ status: 200, body: 'whole', headers: { connection: 'close' } })
    await closed
    agent.destroy()
    other.destroy()
  })

  it('after its window closes idle connections, and sends what still comes elsewhere', async () => {
    const held: ServerResponse[] = []
    const { server } = await serve((_, response) => held.push(response))
    const [idle, busy] = [connect(server), connect(server)]
    await once(idle, 'connect')
    const request = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
    busy.write(request)
    await until(() => held.length === 1)
    // Its window is half of this.
    const closed = server.close({ graceMs: 1000 })
    const shorter = server.close({ graceMs: 60_000 })
    held[0]?.writeHead(200, { connection: 'keep-alive', 'content-length': '0' })
    await once(idle.resume(), 'close')
    held[0]?.end()
    expect(String((await once(busy, 'data'))[0])).toMatch(/^HTTP\/1.1 200/)
    busy.write(request)
    const refused = String((await once(busy, 'data'))[0])
    expect(refused).toMatch(/^HTTP\/1.1 503 [\s\S]*zerohop-refused: draining/)
    expect(held).toHaveLength(1)
    await Promise.all([closed, shorter])
  })

  it('cuts at the end of its grace what is still under way, and gives up what the handler was waiting for', async () => {
    const endings: (number | undefined)[] = []
    const running = Promise.withResolvers<void>()
    const { server, url } = await serve(() => {
      const ambient = currentAmbient()
      ambient?.join({ end: (why) => endings.push(why) })
      running.resolve()
    })
    const asked = ask(url).catch((error) => error.code)
    await running.promise
    const gentle = server.close({ graceMs: 60_000 })
    await server.close({ graceMs: 20 })
    await gentle
    expect(await asked).toBe('ECONNRESET')
    expect(endings).toEqual([CANCELLED])
  })

  it('is part of closing the mesh, which stays usable for what is still served', async () => {
    const held: ServerResponse[] = []
    const { mesh, url } = await serve((_, response) => held.push(response))
    const asked = ask(url)
    await until(() => held.length === 1)
    const closed = mesh.close({ graceMs: 60_000 })
    await ask(`${url}/readyz`).then((answer) => expect(answer.status).toBe(503))
    held[0]?.end('whole')
    expect((await asked).body).toBe('whole')
    await closed
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('without a mesh', () => {
  it('an application is served as it is, where MESH_DISABLE=1 says so', async () => {
    process.env.MESH_DISABLE = '1'
    try {
      const { url } = await serve((_, response) => response.end('plain'), { policy: { fault: { inbound: { abort: { status: 500 } } } } })
      expect(await ask(url)).toMatchObject({ status: 200, body: 'plain' })
    } finally {
      delete process.env.MESH_DISABLE
    }
  })
})
