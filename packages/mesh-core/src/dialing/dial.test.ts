import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { doorUnderTest } from '../identity/door-under-test.ts'
import { Endpoint } from '../kernel/endpoint.ts'
import type { Identity } from '../kernel/identity.ts'
import { WatchSource } from '../kernel/watch.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { testAuthority } from '../testing/test-authority.ts'
import { Dial, type Dialled, type DialStart } from './dial.ts'
import { groundUnderTest } from './ground-under-test.ts'

const authority = testAuthority()

function endpointAt(address: string): Endpoint {
  return new Endpoint('inventory', { address, labels: {}, zone: '', weight: 1 })
}

interface Dialling {
  readonly dial: Dial
  /** What came of it so far. */
  readonly ends: (Dialled | Error)[]
  readonly ended: Promise<Dialled | Error>
}

function dialling(start: Pick<DialStart, 'endpoint' | 'ground'> & Partial<DialStart>, timeoutMs: number | null = null): Dialling {
  const ends: (Dialled | Error)[] = []
  const { promise, resolve } = Promise.withResolvers<Dialled | Error>()
  const dial = new Dial({ secured: false, alpn: [], ...start }, (_dial, made, error) => {
    const end = made ?? (error as Error)
    ends.push(end)
    resolve(end)
  })
  dial.start(timeoutMs)
  return { dial, ends, ended: promise }
}

/** Identities of which the first is still on its way. */
function awaited(source = new WatchSource<Identity>()) {
  const rest = { name: 'test', problem: '', start: () => {}, renew: async () => {}, close: async () => {} }
  return Object.assign(source, rest)
}

test('a host that is given by name is reached without the thread pool of dns.lookup', async () => {
  const waits: string[] = []
  const hook = createHook({ init: (_, type) => void (type === 'GETADDRINFOREQWRAP' && waits.push(type)) })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using ground = groundUnderTest()
  hook.enable()
  const made = (await dialling({ endpoint: endpointAt(`localhost:${(server.address() as AddressInfo).port}`), ground }).ended) as Dialled
  hook.disable()
  expect([made.identity, made.expiry.leftMs(0), waits]).toEqual([null, Number.POSITIVE_INFINITY, []])
  made.socket.destroy()
  server.close()
})

test('a connection is good until the first of the two certificates expires, and speaks the protocol that was offered', async () => {
  const source = authority.identitySource('shop', { notAfter: Date.now() + 60_000 })
  const clock = fakeClock()
  await using server = await doorUnderTest({ identity: authority.identitySource('inventory'), alpn: ['h2'] })
  await using ground = groundUnderTest({ identity: source, clock })
  const endpoint = endpointAt(`127.0.0.1:${server.port}`)
  const made = (await dialling({ endpoint, ground, secured: true, alpn: ['h2'] }).ended) as Dialled
  expect([made.identity, (made.socket as { alpnProtocol?: string }).alpnProtocol]).toEqual([source.current, 'h2'])
  expect(Math.round(made.expiry.leftMs(clock.now()) / 1000)).toBe(60)
  made.socket.destroy()
})

test('it waits for the first identity, and where that does not come in time says so', async () => {
  const source = awaited()
  const clock = fakeClock()
  await using server = await doorUnderTest({ identity: authority.identitySource('inventory') })
  await using ground = groundUnderTest({ identity: source, clock })
  const endpoint = endpointAt(`127.0.0.1:${server.port}`)
  const inTime = dialling({ endpoint, ground, secured: true }, 1000)
  expect(inTime.dial.lack?.code).toBe('NO_IDENTITY')
  source.set(authority.identityOf('shop'))
  const made = (await inTime.ended) as Dialled
  expect([made.identity, inTime.dial.lack, ground.wheel.armed]).toEqual([source.current, null, 0])
  made.socket.destroy()

  source.current = undefined
  const tooLate = dialling({ endpoint, ground, secured: true }, 1000)
  await clock.advance('1s')
  expect(tooLate.ends).toMatchObject([{ code: 'NO_IDENTITY', message: expect.stringContaining('none has come yet') }])
  expect(source.listeners).toBe(0)
})

test('it does not wait for a first identity of which something is wrong already', async () => {
  const source = Object.assign(awaited(), { problem: 'the authority is away' })
  await using ground = groundUnderTest({ identity: source })
  const { ended } = dialling({ endpoint: endpointAt('10.0.0.1:80'), ground, secured: true }, 60_000)
  expect(await ended).toMatchObject({ code: 'NO_IDENTITY', message: expect.stringContaining('the authority is away') })
  expect([source.listeners, ground.wheel.armed]).toEqual([0, 0])
})

test('the handshake is bound by the same time as the connection', async () => {
  const network = new MemoryNetwork()
  let isClosed = false
  network.listen('10.0.0.1:80', (socket) => {
    socket
      .resume()
      .on('error', () => {})
      .on('close', () => {
        isClosed = true
      })
  })
  const clock = fakeClock()
  await using ground = groundUnderTest({ network, clock, identity: authority.identitySource('shop') })
  const { ends, ended } = dialling({ endpoint: endpointAt('10.0.0.1:80'), ground, secured: true }, 1000)
  await clock.advance('999ms')
  expect(ends).toEqual([])
  await clock.advance('1ms')
  expect(await ended).toMatchObject({
    code: 'ETIMEDOUT',
    message: '10.0.0.1:80 took a connection, but no TLS handshake within 1000 ms',
  })
  while (!isClosed) await new Promise(setImmediate)
})

test('whoever starts it is told later, even where it fails at once, and after a stop not at all', async () => {
  await using ground = groundUnderTest({ network: new MemoryNetwork() })
  const endpoint = endpointAt('10.0.0.1:80')
  const failing = dialling({ endpoint, ground })
  expect(failing.ends).toEqual([])
  expect(await failing.ended).toMatchObject({ code: 'ECONNREFUSED' })
  const strict = dialling({ endpoint, ground, secured: true })
  expect(strict.ends).toEqual([])
  expect(await strict.ended).toMatchObject({ code: 'NO_IDENTITY' })
  const stopped = dialling({ endpoint, ground })
  stopped.dial.stop()
  await dialling({ endpoint, ground }).ended
  expect(stopped.ends).toEqual([])
})
