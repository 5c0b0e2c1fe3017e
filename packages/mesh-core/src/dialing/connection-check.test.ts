import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { doorUnderTest } from '../identity/door-under-test.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import { mtlsLabel, mtlsLabelValue } from '../kernel/identity.ts'
import { CANCELLED, LATE, OK, UNREACHED } from '../kernel/verdict.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { connectionCheck } from './connection-check.ts'
import type { DialGround } from './dial-ground.ts'
import { groundUnderTest } from './ground-under-test.ts'

interface Target {
  readonly address: string
  readonly service?: string
  readonly labels?: Record<string, string>
}

/** A check of an endpoint, under way. */
function begun(ground: DialGround, { address, service = 'inventory', labels = {} }: Target) {
  const { call: make, send } = connectionCheck(ground, { service, mtls: 'permissive', alpn: [] })
  const call = make()
  call.endpoint = new Endpoint(service, { address, labels, zone: '', weight: 1 })
  return { call, done: send(call).then(({ verdict, code, error }) => [verdict, code, error?.message ?? '']) }
}

/** A server that takes connections. */
async function rawServer(accept: (socket: Socket) => void) {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    accept(socket.on('error', () => {}))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    address: `127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('it takes a new connection each time, and closes it without a byte', async () => {
  const ends: Promise<unknown>[] = []
  let bytes = 0
  await using server = await rawServer((socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    ends.push(once(socket, 'close'))
  })
  await using ground = groundUnderTest()
  for (let n = 0; n < 3; n++) expect(await begun(ground, server).done).toEqual([OK, '', ''])
  while (ends.length < 3) await new Promise(setImmediate)
  expect(await Promise.all(ends)).toEqual([[false], [false], [false]])
  expect([server.connections, bytes, ground.wheel.armed]).toEqual([3, 0, 0])
})

test('it says why there was no connection', async () => {
  const gone = await rawServer(() => {})
  await gone[Symbol.asyncDispose]()
  await using ground = groundUnderTest()
  expect(await begun(ground, gone).done).toEqual([UNREACHED, '', `connect ECONNREFUSED ${gone.address}`])
  expect((await begun(ground, { address: 'a\0b:80' }).done)[0]).toBe(UNREACHED)
})

test.each([LATE, CANCELLED] as const)('it ends with its call, and connects no more', async (ending) => {
  const { promise: marked, resolve: mark } = Promise.withResolvers<void>()
  await using server = await rawServer((socket) => void socket.on('data', () => mark()))
  await using ground = groundUnderTest()
  // A name, for which an address must be found first.
  const named = { address: `localhost:${server.port}` }
  const { call, done } = begun(ground, named)
  call.end(ending)
  expect((await done)[0]).toBe(ending)
  // Connections are taken in their order: whatever came of the first check would be here before the byte.
  expect(await begun(ground, named).done).toEqual([OK, '', ''])
  connect(server.port, '127.0.0.1').end('x')
  await marked
  expect(server.connections).toBe(2)
})

test('in a network of byte streams it connects as over sockets, and the server hears of no error', async () => {
  const network = new MemoryNetwork()
  await using ground = groundUnderTest({ network })
  const address = '10.0.0.1:80'
  const ends: Promise<unknown>[] = []
  network.listen(address, (socket) => void ends.push(once(socket.resume(), 'close')))
  const check = () => begun(ground, { address }).done
  expect(await check()).toEqual([OK, '', ''])
  await Promise.all(ends)
  network.kill(address)
  expect(await check()).toEqual([UNREACHED, '', `nobody listens at ${address}`])
  network.start(address)
  expect(await check()).toEqual([OK, '', ''])
  await Promise.all(ends)
  expect(ends.length).toBe(2)
})

test('where requests are handed over as they are, it asks whether somebody is there', async () => {
  const network = new MemoryNetwork()
  await using ground = groundUnderTest({ network })
  const address = '10.0.0.1:80'
  network.answer(address, () => {})
  expect(await begun(ground, { address }).done).toEqual([OK, '', ''])
  network.kill(address)
  expect(await begun(ground, { address }).done).toEqual([UNREACHED, '', `nobody answers at ${address}`])
})

test('a secured endpoint passes where the service itself shakes hands; else the check says who did', async () => {
  const authority = testAuthority()
  await using server = await doorUnderTest({ identity: authority.identitySource('inventory') })
  await using ground = groundUnderTest({ identity: authority.identitySource('shop') })
  const target = { address: `127.0.0.1:${server.port}`, labels: { [mtlsLabel]: mtlsLabelValue } }
  expect(await begun(ground, target).done).toEqual([OK, '', ''])
  expect(await begun(ground, { ...target, service: 'payment' }).done).toEqual([
    UNREACHED,
    'WRONG_PEER',
    expect.stringMatching(/expected \S+payment\b.*proved to be \S+inventory/),
  ])
})
