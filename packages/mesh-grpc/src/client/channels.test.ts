/** Tests of how connections are shared, replaced and let go of, and of what calls feel of it. */
import { createHook } from 'node:async_hooks'
import { Metadata, status as Status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { until } from './bytes-client-under-test.ts'
import { caller, echoing, naming, rawUpstream, through, upstream } from './upstream-under-test.ts'

const retrying = { policy: { retry: { attempts: 3, backoff: { base: 0, cap: 0 } } } }

describe('one connection', () => {
  it('carries the calls of all clients that ask for the same, however many come at once', async () => {
    let connections = 0
    await using server = await upstream(echoing)
    await using front = await rawUpstream((socket) => {
      connections++
      through(server, socket)
    })
    await using shop = await caller([front.address])
    const clients = [shop.client, shop.connect(), shop.connect({ 'grpc.max_send_message_length': 1_000_000 })]
    const ended = await Promise.all(clients.flatMap((client) => Array.from({ length: 30 }, () => client.unary('x'))))
    expect(ended.filter(({ code }) => code === Status.OK).length).toBe(90)
    expect([connections, shop.wire.channels.size]).toEqual([2, 1])
  })

  it('to a host that is given by name is made without the thread pool of dns.lookup', async () => {
    const waits: string[] = []
    const hook = createHook({ init: (_, type) => void (type === 'GETADDRINFOREQWRAP' && waits.push(type)) })
    await using server = await upstream(echoing)
    await using shop = await caller([server.address.replace('127.0.0.1', 'localhost')])
    hook.enable()
    const { code } = await shop.client.unary('x')
    hook.disable()
    expect([code, waits]).toEqual([Status.OK, []])
  })

  it('closes with its endpoint when its calls are done, and the mesh goes on elsewhere', async () => {
    const seen: string[] = []
    await using first = await upstream(naming('first', seen))
    await using second = await upstream(naming('second', seen))
    await using shop = await caller([first.address])
    const { call, ended } = shop.client.talk()
    call.write(Buffer.from('a'))
    const answers: string[] = []
    call.on('data', (message: Buffer) => answers.push(String(message)))
    await until(() => answers.length === 1)
    shop.move([second.address])
    expect(String((await shop.client.unary('')).messages)).toBe('second')
    call.write(Buffer.from('b'))
    await until(() => answers.length === 2)
    call.end()
    expect((await ended).code).toBe(Status.OK)
    // Its listener goes once nobody is connected any more.
    const { promise, resolve } = Promise.withResolvers<void>()
    first.server.tryShutdown(() => resolve())
    await promise
  })

  it('idles as long as the program says, and no longer', async () => {
    let closed = 0
    await using server = await upstream(echoing)
    await using front = await rawUpstream((socket) => {
      through(server, socket, () => closed++)
    })
    await using shop = await caller([front.address], { channel: { 'grpc.client_idle_timeout_ms': 0 } })
    expect((await shop.client.unary('')).code).toBe(Status.OK)
    await until(() => closed === 1)
    expect((await shop.client.unary('')).code).toBe(Status.OK)
  })

  it('over which nothing goes any more is noticed by a ping, and the next call gets another', async () => {
    let isHole = false
    await using server = await upstream({ ...echoing, talk: (call) => call.resume() })
    await using front = await rawUpstream((socket) => {
      const behind = through(server, socket)
      // Nobody is told: both ends stay open.
      if (!isHole) holes.push(() => socket.unpipe(behind) && behind.unpipe(socket))
    })
    const holes: (() => unknown)[] = []
    await using shop = await caller([front.address], { channel: { 'grpc.keepalive_time_ms': 100, 'grpc.keepalive_timeout_ms': 100 } })
    const { ended } = shop.client.talk()
    expect((await shop.client.unary('warm')).code).toBe(Status.OK)
    isHole = true
    for (const dig of holes) dig()
    const { code, error } = await ended
    expect([code, error?.cause]).toMatchObject([Status.UNAVAILABLE, { code: 'BROKEN' }])
    expect((await shop.client.unary('again')).code).toBe(Status.OK)
  })

  it('is replaced when it has aged, without a call that waits or fails', async () => {
    let connections = 0
    let open = 0
    await using server = await upstream(echoing)
    await using front = await rawUpstream((socket) => {
      connections++
      open++
      through(server, socket, () => open--)
    })
    await using shop = await caller([front.address], { policy: { connections: { maxAge: 1000 } } })
    const codes = new Set<number>()
    while (connections < 3) codes.add((await shop.client.unary('')).code)
    expect([...codes]).toEqual([Status.OK])
    await until(() => open <= 2)
  })
})

it('a connection over which nothing comes any more is replaced, and calls after that are answered', async () => {
  let connections = 0
  await using server = await upstream(echoing)
  // The first one forgets everybody, as a firewall does.
  let forget = (): void => {}
  await using front = await rawUpstream((socket) => {
    const behind = through(server, socket)
    if (connections++ === 0) forget = () => behind.unpipe(socket).resume()
  })
  await using shop = await caller([front.address])
  expect((await shop.client.unary('')).code).toBe(Status.OK)
  forget()
  let attempts = 0
  while ((await shop.client.unary('', { deadline: Date.now() + 50 })).code !== Status.OK) attempts++
  expect(connections).toBe(2)
  expect(attempts).toBeLessThan(20)
})

it('a mesh that closes ends the calls under way and keeps no connection', async () => {
  let closed = 0
  await using server = await upstream({ unary: () => {} })
  await using front = await rawUpstream((socket) => {
    through(server, socket, () => closed++)
  })
  const shop = await caller([front.address], retrying)
  const under = shop.client.unary('', { metadata: new Metadata({ idempotentRequest: true }) })
  await until(() => shop.wire.channels.size === 1)
  await new Promise((resolve) => setImmediate(resolve))
  await shop.mesh.close({ graceMs: 0 })
  expect((await under).code).toBe(Status.UNAVAILABLE)
  expect((await shop.client.unary('')).error).toMatchObject({ code: Status.UNAVAILABLE, cause: { code: 'MESH_CLOSED' } })
  await until(() => closed === 1)
})
