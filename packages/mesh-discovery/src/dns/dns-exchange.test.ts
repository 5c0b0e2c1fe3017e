import { createSocket } from 'node:dgram'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { type Answer, decode, encode } from 'dns-packet'
import { afterEach, expect, test } from 'vitest'
import { type DnsServer, exchange } from './dns-exchange.ts'

const question = { name: 'inventory.internal', type: 'A' } as const
const closers: (() => void)[] = []

afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server on loopback that sends, for each question, the datagrams and then over TCP the chunks that a test wants. */
async function server(datagrams: (id: number) => Buffer[], stream?: (id: number) => Buffer[]): Promise<DnsServer> {
  const tcp = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (bytes) => {
      for (const chunk of stream?.(decode(bytes.subarray(2)).id ?? 0) ?? []) socket.write(chunk)
      socket.end()
    })
  })
  const port = await listenOn(tcp)
  const udp = createSocket('udp4', (bytes, from) => {
    for (const reply of datagrams(decode(bytes).id ?? 0)) udp.send(reply, from.port, from.address)
  })
  const isBound = await new Promise<boolean>((resolve) => {
    udp.once('error', () => resolve(false))
    udp.bind(port, '127.0.0.1', () => resolve(true))
  })
  // Somebody else on this machine has that port for datagrams: another one is as good.
  if (!isBound) {
    tcp.close()
    return server(datagrams, stream)
  }
  closers.push(() => udp.close())
  if (stream === undefined) await new Promise((resolve) => tcp.close(resolve))
  else closers.push(() => tcp.close())
  return { host: '127.0.0.1', port }
}

async function listenOn(tcp: Server): Promise<number> {
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  return (tcp.address() as AddressInfo).port
}

function reply(id: number, addresses: readonly string[], flags = 0): Buffer {
  const answers = addresses.map((data): Answer => ({ type: 'A', name: question.name, ttl: 1, data }))
  return encode({ type: 'response', id, flags, questions: [{ ...question, class: 'IN' }], answers })
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

const many = Array.from({ length: 500 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
const truncated = 1 << 9

function ask(to: DnsServer, timeoutMs = 2000, signal = new AbortController().signal) {
  return exchange({ server: to, question, timeoutMs, signal })
}

test('an answer comes over UDP', async () => {
  expect(await ask(await server((id) => [reply(id, ['10.0.0.1'])]))).toMatchObject({ kind: 'addresses', addresses: ['10.0.0.1'] })
})

test('a forged datagram with a wrong id does not keep the true answer from being heard', async () => {
  const to = await server((id) => [reply(id ^ 1, ['10.6.6.6']), Buffer.from('garbage'), reply(id, ['10.0.0.1'])])
  expect(await ask(to)).toMatchObject({ addresses: ['10.0.0.1'] })
})

test('an answer that did not fit is fetched over TCP, in whatever pieces it comes', async () => {
  const to = await server(
    (id) => [reply(id, [], truncated)],
    (id) => [...framed(reply(id, many))].map((byte) => Buffer.of(byte)),
  )
  expect(await ask(to)).toMatchObject({ addresses: many })
})

test('an answer that did not fit, of a server without TCP, is a failure that says so', async () => {
  const to = await server((id) => [reply(id, ['10.0.0.1'], truncated)])
  expect(await ask(to)).toMatchObject({ kind: 'failure', why: expect.stringContaining('over TCP, and over UDP its answer did not fit') })
})

test.each<[string, (id: number) => Buffer[], string]>([
  ['hangs up in the midst of its answer', (id) => [framed(reply(id, many)).subarray(0, 100)], 'closed the connection before'],
  ['sends garbage', () => [framed(Buffer.from('GET / HTTP/1.1'))], 'does not answer the question'],
  ['cuts its answer short again', (id) => [framed(reply(id, [], truncated))], 'cut its answer short over TCP too'],
])('a server that %s over TCP has failed', async (_, stream, why) => {
  const to = await server((id) => [reply(id, [], truncated)], stream)
  expect(await ask(to)).toMatchObject({ kind: 'failure', why: expect.stringContaining(why) })
})

test('a port that nobody listens at is known at once', async () => {
  const to = await server(() => [])
  for (const close of closers.splice(0)) close()
  expect(await ask(to, 60_000)).toMatchObject({ kind: 'failure', why: expect.stringContaining('ECONNREFUSED') })
})

test('a silent server is waited for no longer than asked', async () => {
  const to = await server((id) => [reply(id ^ 1, ['10.6.6.6'])])
  expect(await ask(to, 30)).toEqual({
    kind: 'failure',
    why: 'gave no answer within 30 ms, only datagrams that do not answer the question',
  })
})

test('whoever closes waits for nobody', async () => {
  const closing = new AbortController()
  const answer = ask(await server(() => []), 60_000, closing.signal)
  closing.abort()
  expect(await answer).toMatchObject({ kind: 'failure' })
  expect(await ask({ host: '127.0.0.1', port: 9 }, 60_000, closing.signal)).toMatchObject({ kind: 'failure' })
})
