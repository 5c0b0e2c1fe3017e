import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../kernel/clock.ts'
import { ControlClient } from './control-client.ts'
import { NodeControlHttp } from './control-http.ts'
import { ControlTrust } from './control-trust.ts'

const servers: Server[] = []
const networks: NodeControlHttp[] = []

afterEach(() => {
  for (const network of networks.splice(0)) network.close()
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function clientOf(...addresses: readonly string[]): ControlClient {
  const http = new NodeControlHttp()
  networks.push(http)
  return new ControlClient({
    addresses,
    token: () => 'secret',
    http,
    trust: new ControlTrust({ ca: null, wallNow: Date.now }),
    clock: systemClock,
  })
}

const question = { method: 'GET', path: '/v1/documents/cart', limitMs: 5000 } as const

test('an answer comes whole, undone of gzip, and the token goes as a header', async () => {
  const seen: unknown[] = []
  const address = await serve((request, response) => {
    seen.push(request.headers.authorization, request.headers['accept-encoding'])
    response.writeHead(200, { 'content-encoding': 'gzip', 'zerohop-version': 'a.1' }).end(gzipSync('{"a":1}'))
  })
  const { body, headers } = await clientOf(address).ask(question)
  expect(body.toString()).toBe('{"a":1}')
  expect(headers['zerohop-version']).toBe('a.1')
  expect(seen).toEqual(['Bearer secret', 'gzip'])
})

test('a body is sent as JSON, and one connection carries one exchange after the other', async () => {
  const ports = new Set<number | undefined>()
  const bodies: string[] = []
  const address = await serve(async (request, response) => {
    ports.add(request.socket.remotePort)
    bodies.push(Buffer.concat(await request.toArray()).toString())
    response.end('{}')
  })
  const client = clientOf(address)
  for (let n = 0; n < 3; n++) await client.ask({ ...question, method: 'PUT', body: { n } })
  expect(bodies).toEqual(['{"n":0}', '{"n":1}', '{"n":2}'])
  expect(ports.size).toBe(1)
})

test.each([
  ['a redirect', 'redirect', (_, response) => response.writeHead(302, { location: 'http://elsewhere/' }).end()],
  ['a wrong token', 'token', (_, response) => response.writeHead(401).end('{"error":{"code":"wrong_token","message":"no"}}')],
  ['an error', 'status', (_, response) => response.writeHead(500).end('<html>')],
  [
    'half a gzip',
    'garbage',
    (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(999)).subarray(0, 20)),
  ],
  ['a coding that was not asked for', 'garbage', (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x')],
  [
    'a body that ends early',
    'unreachable',
    (_, response) => response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy()),
  ],
  ['a connection that is cut', 'unreachable', (request) => request.socket.destroy()],
  [
    'a gzip of very much',
    'too_large',
    (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(65 * 1_048_576))),
  ],
] satisfies [string, string, RequestListener][])('%s is a failure, and the next address is asked', async (_, reason, listener) => {
  const bad = await serve(listener)
  const good = await serve((_request, response) => response.end('fine'))
  const client = clientOf(bad, good)
  await expect(client.ask(question)).rejects.toMatchObject({ name: 'ControlFailure', reason, message: expect.stringContaining(bad) })
  expect((await client.ask(question)).body.toString()).toBe('fine')
  expect(client.address).toBe(good)
})

test('an answer that does not end is given up in time, and one that trickles for ever as well', async () => {
  const silent = await serve(() => {})
  const trickling = await serve((_, response) => {
    const timer = setInterval(() => response.write(' '), 5)
    response.on('close', () => clearInterval(timer))
  })
  for (const address of [silent, trickling]) {
    await expect(clientOf(address).ask({ ...question, limitMs: 60 })).rejects.toMatchObject({ reason: 'timeout' })
  }
})

test('a connection that the server closed while it was idle costs nothing', async () => {
  const address = await serve((_, response) => response.end('fine'))
  const client = clientOf(address)
  await client.ask(question)
  // Cut without a word, as a server does that is replaced: the client hears of it while it is writing, or before.
  servers[0]?.closeAllConnections()
  expect((await client.ask(question)).body.toString()).toBe('fine')
})

test('a poll that is parked does not keep a program alive, nor does a renewal that is due', async () => {
  const address = await serve((request, response) => {
    if (request.method === 'PUT') response.end('{"leaseMs":30000,"renewMs":5000}')
  })
  const face = new URL('../index.ts', import.meta.url).href
  const inside = new URL('../transport.ts', import.meta.url).href
  const program = `
    const { createMesh } = await import(${JSON.stringify(face)})
    const { partsOf } = await import(${JSON.stringify(inside)})
    const mesh = createMesh({ service: 'cart', control: ${JSON.stringify(address)}, lastGood: false })
    partsOf(mesh).register({ address: '127.0.0.1:1', labels: {}, zone: '', weight: 1 })
    await mesh.ready()
    console.log(mesh.explain().control.state)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const startedAt = performance.now()
  const [output] = await Promise.all([child.stdout.toArray(), once(child, 'exit')])
  expect(Buffer.concat(output).toString()).toBe('starting\n')
  // Two seconds until it goes on without; were it kept, ten until the poll is given up.
  expect(performance.now() - startedAt).toBeLessThan(8000)
  expect(child.exitCode).toBe(0)
}, 15_000)
