import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { createMesh, type Mesh, MeshError } from '@zerohop/mesh-core'
import { type MeshFetch, type MeshServer, meshFetch, serveHttp } from '@zerohop/mesh-http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { MovingEndpoints } from '../support/moving-endpoints.ts'

/** A server that says to each connection, once it was asked something, what its test tells it to. */
let behave: (socket: Socket) => void = () => {}
const sockets = new Set<Socket>()
const rude = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => sockets.delete(socket))
  socket.on('data', () => behave(socket))
})

const errors: string[] = []
const log = { info: () => {}, warn: () => {}, error: (line: string) => void errors.push(line) }
const endpoints = new MovingEndpoints()
let received: IncomingMessage[] = []
let mesh: Mesh
let fetch: MeshFetch
let served: Mesh
let service: MeshServer

beforeEach(async () => {
  errors.length = 0
  received = []
  rude.listen(0, '127.0.0.1')
  await once(rude, 'listening')
  endpoints.place('rude', [`127.0.0.1:${(rude.address() as AddressInfo).port}`])
  mesh = createMesh({ service: 'caller', discovery: endpoints, log, policy: { timeout: '400ms', retry: { attempts: 1 } } })
  fetch = meshFetch(mesh)
  served = createMesh({ service: 'careless', log })
  service = await serveHttp(
    served,
    async (request, response) => {
      received.push(request)
      if (request.url === '/before') throw new Error('before answering')
      response.write('the first half, ')
      if (request.url === '/while') throw new Error('while answering')
      response.end('and the second')
      if (request.url === '/after') throw new Error('after answering')
    },
    { port: 0, host: '127.0.0.1' },
  )
  endpoints.place('careless', [service.address])
})

afterEach(async () => {
  await mesh.close({ graceMs: 0 })
  await served.close({ graceMs: 0 })
  for (const socket of sockets) socket.destroy()
  rude.close()
})

const head = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'

/** Calls the rude server and reads its answer; resolves with what went wrong. */
async function failure(): Promise<MeshError> {
  const thrown = await fetch('http://rude/things/42')
    .then((response) => response.text())
    .then(
      (body) => new Error(`it was answered: ${body}`),
      (error: Error) => error,
    )
  expect(thrown).toBeInstanceOf(TypeError)
  expect(MeshError.is(thrown.cause), String(thrown.cause ?? thrown)).toBe(true)
  return thrown.cause as MeshError
}

describe('an endpoint that', () => {
  test.each<[does: string, how: (socket: Socket) => void, code: string]>([
    ['never answers', () => {}, 'EXPIRED'],
    ['closes without a word', (socket) => socket.end(), 'BROKEN'],
    ['resets without a word', (socket) => socket.resetAndDestroy(), 'BROKEN'],
    ['closes in the middle of its head', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'), 'BROKEN'],
    ['closes in the middle of its body', (socket) => socket.end(`${head}half`), 'BROKEN'],
    ['resets in the middle of its body', (socket) => socket.write(`${head}half`, () => socket.resetAndDestroy()), 'BROKEN'],
    ['stops in the middle of its head', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-le'), 'EXPIRED'],
    ['stops in the middle of its body', (socket) => socket.write(`${head}half`), 'EXPIRED'],
    ['is slower than the deadline', (socket) => drip(socket), 'EXPIRED'],
    ['speaks another protocol', (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'), 'BAD_REPLY'],
    ['sends a huge header', (socket) => socket.end(`HTTP/1.1 200 OK\r\nx-huge: ${'x'.repeat(100_000)}\r\n\r\n`), 'BAD_REPLY'],
    ['sends header after header', (socket) => headers(socket), 'BAD_REPLY'],
    ['injects a header by a bare line feed', (socket) => socket.end('HTTP/1.1 200 OK\nset-cookie: a=b\n\n'), 'BAD_REPLY'],
    [
      'contradicts itself about its length',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\nokok'),
      'BAD_REPLY',
    ],
    ['is chunked and long at once', (socket) => socket.end(`${head.slice(0, -2)}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`), 'BAD_REPLY'],
  ])('%s is a clear error, in time, and leaves nothing behind', async (_, how, code) => {
    behave = how
    const startedAt = performance.now()
    const error = await failure()
    expect(error.code).toBe(code)
    expect(error.service).toBe('rude')
    expect(error.message).toContain('rude: ')
    expect(error.message).toContain((endpoints.watch('rude')?.current ?? [])[0]?.address)
    expect(performance.now() - startedAt).toBeLessThan(2000)
    await eventually(() => sockets.size === 0, 'the connection is closed')
    expect(mesh.explain('rude').services[0]).toMatchObject({ now: { inFlight: 0 }, endpoints: [{ inFlight: 0 }] })
    behave = (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    expect(await (await fetch('http://rude/')).text()).toBe('ok')
  })
})

/** A byte now and then, for ever. */
function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n')
  const timer = setInterval(() => socket.write('x'), 20)
  socket.on('close', () => clearInterval(timer))
}

/** Small headers without end. */
function headers(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\n')
  const more = (): void => {
    if (!socket.destroyed) socket.write('x-more: and more\r\n'.repeat(100), () => setImmediate(more))
  }
  more()
}

describe('a caller that', () => {
  const injected = 'x\r\nx-injected: yes'

  test.each<[does: string, call: () => Promise<Response>]>([
    ['a header', () => fetch('http://careless/', { headers: { 'x-name': injected } })],
    ['a header name', () => fetch('http://careless/', { headers: { 'x-name: 1\r\nx-injected': 'yes' } })],
    ['a list of headers', () => fetch('http://careless/', { headers: [['x-name', 'x\nx-injected: yes']] })],
    ['the method', () => fetch('http://careless/', { method: 'GET / HTTP/1.1\r\nx-injected: yes\r\nx' })],
  ])('injects a line by %s is told so, and nothing is sent', async (_, call) => {
    await expect(call()).rejects.toThrow(TypeError)
    expect(received).toEqual([])
  })

  test.each([
    ['the path', 'http://careless/a\r\nx-injected: yes'],
    ['the query', 'http://careless/?a=\r\nx-injected: yes'],
  ])('injects a line by %s injects none', async (_, url) => {
    await (await fetch(url)).text()
    expect(received).toHaveLength(1)
    expect(received[0]?.headers['x-injected']).toBeUndefined()
  })

  test('sends a head that is too large gets 431, and the handler does not start', async () => {
    const response = await fetch('http://careless/', { headers: { 'x-huge': 'x'.repeat(50_000) } })
    expect(response.status).toBe(431)
    await response.text()
    expect(received).toEqual([])
    expect((await fetch('http://careless/')).status).toBe(200)
  })

  test.each([
    ['two lengths', 'content-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
    ['a length and chunks', 'content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a line feed in a name', 'x-na\nme: 1\r\n\r\n'],
    ['a head without end', `x-huge: ${'x'.repeat(200_000)}`],
  ])('sends %s is refused with 4xx and cut off', async (_, lines) => {
    const socket = connect(service.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`POST / HTTP/1.1\r\nhost: careless\r\n${lines}`)
    expect(await text(socket).catch((error: Error) => error.message)).toMatch(/^HTTP\/1.1 4\d\d |ECONNRESET/)
    expect(received).toEqual([])
  })
})

describe('an application that throws', () => {
  test('before it answers is a 500 to its caller, without its reason', async () => {
    const response = await fetch('http://careless/before')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('before answering')
    expect(errors.join()).toContain('before answering')
  })

  test('while it answers ends the reading with an error', async () => {
    const response = await fetch('http://careless/while')
    const error = await response.text().catch((thrown: Error) => thrown.cause)
    expect(MeshError.is(error) && error.code).toBe('BROKEN')
    expect(errors.join()).toContain('while answering')
  })

  test('after it answered has answered, and the connection serves on', async () => {
    expect(await (await fetch('http://careless/after')).text()).toBe('the first half, and the second')
    expect(await (await fetch('http://careless/')).text()).toBe('the first half, and the second')
    expect(errors.join()).toContain('after answering')
    expect(received[0]?.socket).toBe(received[1]?.socket)
  })
})
