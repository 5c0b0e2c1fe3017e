import { credentials, connectivityState as State, status as Status } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { BytesClient, bytes } from './bytes-client-under-test.ts'
import { meshChannel } from './mesh-channel.ts'
import { meshClient } from './mesh-client.ts'
import { caller, echoing, upstream } from './upstream-under-test.ts'

test('a channel names its service, and closing it closes nothing', async () => {
  await using server = await upstream(echoing)
  await using shop = await caller([server.address])
  const channel = shop.client.getChannel()
  expect(channel.getTarget()).toBe('bytes')
  shop.client.close()
  expect((await shop.client.unary('x')).code).toBe(Status.OK)
})

test('a client is ready once its mesh is, and a channel of a mesh that has closed is shut down', async () => {
  await using shop = await caller([])
  const client = shop.connect()
  expect(client.getChannel().getConnectivityState(false)).toBe(State.IDLE)
  await new Promise<void>((resolve, reject) => client.waitForReady(Date.now() + 2000, (error) => (error ? reject(error) : resolve())))
  expect(client.getChannel().getConnectivityState(false)).toBe(State.READY)
  await shop.mesh.close()
  expect(client.getChannel().getConnectivityState(true)).toBe(State.SHUTDOWN)
})

test('whoever waits for a mesh that has closed is told so, and so is whoever waits as it closes', async () => {
  await using shop = await caller([])
  const client = shop.connect()
  const waited = (): Promise<Error | undefined> => new Promise((resolve) => client.waitForReady(Date.now() + 5000, resolve))
  expect(await waited()).toBeUndefined()
  const left = new Promise<Error | undefined>((resolve) => {
    client.getChannel().watchConnectivityState(State.READY, Number.POSITIVE_INFINITY, resolve)
  })
  await shop.mesh.close()
  expect(await left).toBeUndefined()
  expect(client.getChannel().getConnectivityState(true)).toBe(State.SHUTDOWN)
  expect((await waited())?.message).toBe('The channel has been closed')
  expect(() => client.getChannel().watchConnectivityState(State.SHUTDOWN, 0, () => {})).toThrow('Channel has been shut down')
})

test('whoever waits for another state is told when the time is over', async () => {
  await using shop = await caller([])
  const channel = shop.connect().getChannel()
  channel.getConnectivityState(true)
  await new Promise<void>((resolve) => channel.watchConnectivityState(State.CONNECTING, Number.POSITIVE_INFINITY, () => resolve()))
  const late = await new Promise<Error | undefined>((resolve) => channel.watchConnectivityState(State.READY, Date.now() + 20, resolve))
  expect(late?.message).toBe('Deadline passed without connectivity state change')
  const atOnce = await new Promise<Error | undefined>((resolve) => channel.watchConnectivityState(State.IDLE, Date.now() + 20, resolve))
  expect(atOnce).toBeUndefined()
})

test('with one word a client is a client of the mesh, and knows what its methods are like', async () => {
  await using server = await upstream(echoing)
  await using shop = await caller([server.address])
  const seen: unknown[] = []
  class Client {
    static readonly service = bytes
    constructor(address: string, channelCredentials: unknown, options?: object) {
      seen.push(address, channelCredentials, options)
    }
  }
  const client = meshClient(shop.mesh, 'bytes', Client, { idempotent: ['unary'], 'grpc.max_send_message_length': 10 })
  expect(client).toBeInstanceOf(Client)
  expect(seen).toMatchObject(['bytes', credentials.createInsecure(), { 'grpc.max_send_message_length': 10 }])
  expect(() => meshClient(shop.mesh, 'bytes', Client, { idempotent: ['charge'] })).toThrow('the service has no method charge')
})

test('a name that no service can have, and what is no client, are told at once', async () => {
  await using shop = await caller([])
  expect(() => meshChannel(shop.mesh, 'Payment')).toThrow(
    /^service: a name has lower-case letters, digits, "-" and ".", and neither begins nor ends with a sign, found "Payment"$/,
  )
  expect(() => meshChannel(shop.mesh, undefined as never)).toThrow(/^service: expected a text, but it is missing$/)
  expect(() => meshClient(shop.mesh, 'payment', undefined as never)).toThrow(/^client: expected the constructor of a client of grpc-js/)
})

test('where MESH_DISABLE turned the mesh off, calls go to the address that the program named', async () => {
  await using server = await upstream(echoing)
  process.env.MESH_DISABLE = '1'
  try {
    await using mesh = createMesh({ service: 'shopper' })
    const client = new BytesClient(mesh, { address: server.address })
    expect((await client.unary('plain')).messages.map(String)).toEqual(['plain'])
    client.close()
    const channel = meshChannel(mesh, 'bytes')
    expect(channel.getTarget()).toBe('dns:bytes')
    channel.close()
  } finally {
    delete process.env.MESH_DISABLE
  }
})
