import { createSocket } from 'node:dgram'
import { type LookupAddress, Resolver } from 'node:dns'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts'
import { HostAddresses } from './host-addresses.ts'
import { type HostAnswer, HostQuery } from './host-query.ts'

interface Scene {
  readonly clock: FakeClock
  /** What the next questions bring. */
  answer: HostAnswer | Error | Promise<HostAnswer>
  asked: number
  find(host?: string): Promise<string[]>
}

function scene(): Scene {
  const clock = fakeClock()
  const made: Scene = {
    clock,
    answer: { addresses: ['10.0.0.1', 'fd00::1'], ttlSeconds: 10 },
    asked: 0,
    find: (host = 'inventory.local') =>
      new Promise((resolve, reject) => {
        addresses.lookup(host, { all: true }, (error, found) => {
          if (error === null) resolve((found as LookupAddress[]).map(({ address, family }) => `${address} ${family}`))
          else reject(error)
        })
      }),
  }
  const addresses = new HostAddresses(clock, async () => {
    made.asked++
    if (made.answer instanceof Error) throw made.answer
    return made.answer
  })
  return made
}

test('many connections to one name ask once, and again when its lifetime is over', async () => {
  const s = scene()
  expect(await Promise.all([s.find(), s.find('Inventory.LOCAL')])).toEqual([
    ['10.0.0.1 4', 'fd00::1 6'],
    ['10.0.0.1 4', 'fd00::1 6'],
  ])
  await s.clock.advance('9.9s')
  await s.find()
  expect(s.asked).toBe(1)
  await s.clock.advance('200ms')
  await s.find()
  expect(s.asked).toBe(2)
})

test('an answer that has just expired is used while the next one is on its way', async () => {
  const s = scene()
  await s.find()
  await s.clock.advance('11s')
  const next = Promise.withResolvers<HostAnswer>()
  s.answer = next.promise
  expect(await s.find()).toEqual(['10.0.0.1 4', 'fd00::1 6'])
  next.resolve({ addresses: ['10.0.0.2'], ttlSeconds: 10 })
  await s.clock.advance(0)
  expect(await s.find()).toEqual(['10.0.0.2 4'])
  expect(s.asked).toBe(2)
})

test('one that expired long ago is not: its address may be somebody else’s by now', async () => {
  const s = scene()
  await s.find()
  await s.clock.advance('1h')
  s.answer = { addresses: ['10.0.0.2'], ttlSeconds: 10 }
  expect(await s.find()).toEqual(['10.0.0.2 4'])
})

test('while nobody can be asked the last addresses stay, and a question a second is enough', async () => {
  const s = scene()
  await s.find()
  s.answer = new Error('no DNS')
  await s.clock.advance('1h')
  for (let n = 0; n < 50; n++) {
    expect(await s.find()).toEqual(['10.0.0.1 4', 'fd00::1 6'])
    await s.clock.advance('100ms')
  }
  expect(s.asked).toBeLessThan(8)
})

test('a name that was never found fails with the reason, and is not asked for by every call', async () => {
  const s = scene()
  s.answer = Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' })
  for (let n = 0; n < 10; n++) await expect(s.find()).rejects.toBe(s.answer)
  expect(s.asked).toBe(1)
  s.answer = { addresses: ['10.0.0.2'], ttlSeconds: 10 }
  await s.clock.advance('1s')
  expect(await s.find()).toEqual(['10.0.0.2 4'])
})

test('a name without an address of the family wanted is not found', async () => {
  const addresses = new HostAddresses(fakeClock(), async () => ({ addresses: ['10.0.0.1'], ttlSeconds: 1 }))
  const six = new Promise((resolve) => addresses.lookup('a.local', { family: 6 }, (error) => resolve(error?.code)))
  expect(await six).toBe('ENOTFOUND')
  const four = new Promise((resolve) => addresses.lookup('a.local', { family: 4 }, (_, ...found) => resolve(found)))
  expect(await four).toEqual(['10.0.0.1', 4])
})

test('the machine’s own table comes first, and localhost is always this machine', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zerohop-hosts-'))
  const path = join(folder, 'hosts')
  await writeFile(path, '10.0.0.7 inventory.local\n')
  const query = new HostQuery(path)
  expect(await query.ask('inventory.local')).toMatchObject({ addresses: ['10.0.0.7'] })
  expect(await query.ask('shop.localhost')).toMatchObject({ addresses: ['127.0.0.1', '::1'] })
  query.close()
  await rm(folder, { recursive: true })
})

test('what DNS knows comes with its lifetime, and one silent family hides nothing of the other', async () => {
  const server = createSocket('udp4', (question, from) => {
    const isA = question.readUInt16BE(question.indexOf(0, 12) + 1) === 1
    // The question again as an answer, with one record for its name: type A, class IN, 7 s, four bytes.
    const end = question.indexOf(0, 12) + 5
    const head = Buffer.concat([question.subarray(0, 2), Buffer.of(0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0)])
    const record = isA ? Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 10, 0, 0, 9) : Buffer.alloc(0)
    server.send(Buffer.concat([head, question.subarray(12, end), record]), from.port, from.address)
  }).bind(0, '127.0.0.1')
  await once(server, 'listening')
  const query = new HostQuery('no file', () => {
    const resolver = new Resolver()
    resolver.setServers([`127.0.0.1:${server.address().port}`])
    return resolver
  })
  expect(await query.ask('inventory.internal')).toEqual({ addresses: ['10.0.0.9'], ttlSeconds: 7 })
  query.close()
  server.close()
})
