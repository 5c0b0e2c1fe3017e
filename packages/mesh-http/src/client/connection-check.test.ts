/** Tests of the check that asks nothing, over real sockets and within a network of byte streams. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { testMesh } from '@zerohop/mesh-core/testing'
import { CANCELLED, Call, type Endpoint, LATE, type MeshParts, OK, partsOf, UNREACHED, type Verdict } from '@zerohop/mesh-core/transport'
import { expect, test } from 'vitest'
import { connectionCheck } from './connection-check.ts'
import { caller, rawUpstream } from './testing-upstream.ts'
import { TurnoverUnderTest } from './turnover-under-test.ts'

/** A check of the endpoint at `address`, under way. */
function begun(parts: MeshParts, address: string): { call: Call; done: Promise<[verdict: Verdict, error: string]> } {
  const call = new Call({ service: 'inventory', method: '', path: '', kind: 'unary', message: null, replayable: true, idempotent: true })
  const colon = address.lastIndexOf(':')
  call.endpoint = { address, host: address.slice(0, colon), port: Number(address.slice(colon + 1)) } as Endpoint
  const sent = connectionCheck(parts, 'permissive')(call)
  return { call, done: sent.then(({ verdict, error }) => [verdict, error?.message ?? '']) }
}

test('it takes a new connection each time, and closes it without a byte', async () => {
  const ends: Promise<unknown>[] = []
  let bytes = 0
  await using server = await rawUpstream((socket: Socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    ends.push(once(socket, 'close'))
  })
  await using shop = await caller({})
  for (let n = 0; n < 3; n++) expect(await begun(partsOf(shop.mesh), server.address).done).toEqual([OK, ''])
  while (ends.length < 3) await new Promise(setImmediate)
  expect(await Promise.all(ends)).toEqual([[false], [false], [false]])
  expect([server.connections, bytes, partsOf(shop.mesh).wheel.armed]).toEqual([3, 0, 0])
})

test('it says why there was no connection', async () => {
  const gone = await rawUpstream(() => {})
  await gone[Symbol.asyncDispose]()
  await using shop = await caller({})
  expect(await begun(partsOf(shop.mesh), gone.address).done).toEqual([UNREACHED, `connect ECONNREFUSED ${gone.address}`])
  expect((await begun(partsOf(shop.mesh), 'a\0b:80').done)[0]).toBe(UNREACHED)
})

test.each([LATE, CANCELLED] as const)('it ends with its call, and connects no more', async (ending) => {
  const { promise: marked, resolve: mark } = Promise.withResolvers<void>()
  await using server = await rawUpstream((socket: Socket) => void socket.on('data', () => mark()))
  await using shop = await caller({})
  // A name, for which an address must be found first.
  const { call, done } = begun(partsOf(shop.mesh), `localhost:${server.port}`)
  call.end(ending)
  expect(await done).toEqual([ending, ''])
  // Connections are taken in their order: whatever came of the first check would be here before the byte.
  expect(await begun(partsOf(shop.mesh), `localhost:${server.port}`).done).toEqual([OK, ''])
  connect(server.port, '127.0.0.1').end('x')
  await marked
  expect(server.connections).toBe(2)
})

test('in a network of byte streams it connects as over sockets, and the server hears of no error', async () => {
  await using mesh = testMesh()
  const address = '10.0.0.1:80'
  const ends: Promise<unknown>[] = []
  mesh.network.listen(address, (socket) => void ends.push(once(socket.resume(), 'close')))
  const check = () => begun(partsOf(mesh.mesh), address).done
  expect(await check()).toEqual([OK, ''])
  await Promise.all(ends)
  mesh.network.kill(address)
  expect(await check()).toEqual([UNREACHED, `nobody listens at ${address}`])
  mesh.network.start(address)
  expect(await check()).toEqual([OK, ''])
  await Promise.all(ends)
  expect(ends.length).toBe(2)
})

test('a secured endpoint passes where the service itself shakes hands; else the check says who did', async () => {
  const { parts, endpoint } = new TurnoverUnderTest()
  const check = async () => {
    const call = new Call({ service: '', method: '', path: '', kind: 'unary', message: null, replayable: true, idempotent: true })
    call.endpoint = endpoint
    const { verdict, code, error } = await connectionCheck(parts, 'permissive')(call)
    return [verdict, code, error?.message ?? '']
  }
  expect(await check()).toEqual([OK, '', ''])
  Object.assign(endpoint, { service: 'payment' })
  expect(await check()).toEqual([UNREACHED, 'WRONG_PEER', expect.stringMatching(/expected \S+payment\b.*proved to be \S+inventory/)])
})
