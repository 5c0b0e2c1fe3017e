import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import type { Network } from '../kernel/network.ts'
import { MemoryNetwork } from '../testing/index.ts'
import { Listener } from './listener.ts'

const listeners: Listener[] = []
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.stop()
})

const silence = { info: () => {}, warn: () => {}, error: () => {} }

function listener({
  port = 0,
  host = '127.0.0.1',
  network = null,
}: {
  port?: number
  host?: string
  network?: Network | null
} = {}): Listener {
  const accept = (socket: Duplex): unknown => socket.end('hello')
  const made = new Listener({ service: 'cart', port, host, network, log: silence, halfOpen: false, accept })
  listeners.push(made)
  return made
}

test('hands over the connections of its port until it stops, and then the port is free', async () => {
  const first = listener()
  await first.listen()
  expect(first.address).toBe(`127.0.0.1:${first.port}`)
  expect(await text(net.connect(first.port, '127.0.0.1'))).toBe('hello')
  await first.stop()
  const [error] = await once(net.connect(first.port, '127.0.0.1'), 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  await listener({ port: first.port }).listen()
})

test('an IPv6 address stands in brackets, and one that is taken rejects with node’s own error', async () => {
  const first = listener({ host: '::1' })
  await first.listen()
  expect(first.address).toBe(`[::1]:${first.port}`)
  await expect(listener({ host: '::1', port: first.port }).listen()).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('in a network within the process it takes an address there, a free port where none is named', async () => {
  const network = new MemoryNetwork()
  const [first, second] = [listener({ network }), listener({ network })]
  await Promise.all([first.listen(), second.listen()])
  expect([first.address, second.address]).toEqual(['127.0.0.1:49152', '127.0.0.1:49153'])
  expect(await text(network.connect(first.address))).toBe('hello')
  await first.stop()
  expect(() => network.connect(first.address)).toThrow('nobody listens')
})
