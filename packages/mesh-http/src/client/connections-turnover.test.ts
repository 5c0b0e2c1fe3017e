import { afterEach, expect, test, vi } from 'vitest'
import { TurnoverUnderTest } from './turnover-under-test.ts'

afterEach(() => vi.useRealTimers())

/** The wall's clock goes on by so much, and nothing else does: the machine slept, or somebody set it. */
function stepWall(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

test('under a new certificate one connection is made, and lasts a moment, before the old ones go', async () => {
  const under = new TurnoverUnderTest()
  const old = await under.fill(3)
  const fresh = under.source.turn()
  under.connections.renew(0)
  await under.advance(0)
  expect([under.accepted.length, under.connections.size]).toEqual([4, 3])
  const between = await under.take()
  expect(old).toContain(between)
  between.release()
  await under.advance(250)
  expect(under.connections.size).toBe(1)
  expect(old.map(({ usable }) => usable)).toEqual([false, false, false])
  const next = await under.take()
  expect(next.made.identity).toBe(fresh)
  expect([under.accepted.length, under.parts.wheel.armed]).toEqual([4, 0])
})

test('a connection in use goes when its request is done, and no other begins on it', async () => {
  const under = new TurnoverUnderTest()
  const busy = await under.take()
  under.source.turn()
  under.connections.renew(0)
  await under.advance(0)
  await under.advance(250)
  expect([busy.usable, busy.isOutdated]).toEqual([true, true])
  busy.release()
  await under.advance(0)
  expect([busy.usable, under.connections.size]).toEqual([false, 1])
})

test('where a call has made a connection meanwhile, and it has served, no other is made', async () => {
  const under = new TurnoverUnderTest()
  const [first] = await under.fill(1)
  under.source.turn()
  under.connections.renew(10_000)
  const holding = await under.take()
  expect(holding).toBe(first)
  const [second] = await under.fill(1)
  holding.release()
  await under.advance(10_000)
  expect([under.accepted.length, first?.usable, second?.usable]).toEqual([2, false, true])
})

test('while the server turns the new certificate away the old connections serve on, and it is tried again', async () => {
  const under = new TurnoverUnderTest()
  const [old] = await under.fill(1)
  under.turnsAway = true
  under.source.turn()
  under.connections.renew(0)
  await under.advance(0)
  await under.advance(250)
  expect(under.lines).toEqual([
    'inventory: no connection to 10.0.0.1:80 under the new certificate, those under the old one serve on: the server closed the new connection at once',
  ])
  const still = await under.take()
  expect(still).toBe(old)
  still.release()
  under.turnsAway = false
  await under.advance(1000)
  await under.advance(250)
  expect([old?.usable, under.connections.size, under.accepted.length]).toEqual([false, 1, 2])
})

test('a certificate that is renewed twice is swapped to once, and to the newest', async () => {
  const under = new TurnoverUnderTest()
  await under.fill(1)
  under.source.turn()
  under.connections.renew(5000)
  await under.advance(1000)
  const newest = under.source.turn()
  under.connections.renew(4000)
  await under.advance(4000)
  await under.advance(250)
  expect([under.accepted.length, (await under.take()).made.identity]).toEqual([2, newest])
})

test('a connection that was on its way when the certificate was renewed serves until there is another', async () => {
  const under = new TurnoverUnderTest()
  const onItsWay = under.take()
  while (under.arrived === 0) await null
  under.source.turn()
  under.connections.renew(0)
  const old = await onItsWay
  old.release()
  await under.advance(0)
  await under.advance(250)
  expect([old.usable, under.accepted.length, (await under.take()).made.identity]).toEqual([false, 2, under.source.current])
})

test.each(['own', "peer's"])('no request begins on a connection whose %s certificate has expired', async (whose) => {
  const soon = Date.now() + 60_000
  const under = new TurnoverUnderTest(whose === 'own' ? {} : { serverNotAfter: soon })
  if (whose === 'own') under.source.turn(under.authority.identityOf('shop', { notAfter: soon }))
  const [old] = await under.fill(1)
  await under.advance(58_000)
  expect(await under.take()).toBe(old)
  old?.release()
  await under.advance(2000)
  expect(await under.take()).not.toBe(old)
  expect(old?.usable).toBe(false)
})

test('no request begins on a connection whose certificate has expired by the wall, though the mesh has counted no time', async () => {
  const under = new TurnoverUnderTest()
  under.source.turn(under.authority.identityOf('shop', { notAfter: Date.now() + 60_000 }))
  const old = await under.fill(2)
  stepWall(61_000)
  under.source.turn()
  await under.advance(1)
  expect(old).not.toContain(await under.take())
  expect(old.map(({ usable }) => usable)).toEqual([false, false])
})

test('nor does the one that waits for it there', async () => {
  const under = new TurnoverUnderTest({ connections: { max: 1 } })
  under.source.turn(under.authority.identityOf('shop', { notAfter: Date.now() + 60_000 }))
  const busy = await under.take()
  const waiting = under.take()
  stepWall(61_000)
  under.source.turn()
  await under.advance(1)
  busy.release()
  expect([(await waiting) === busy, busy.usable]).toEqual([false, false])
})

test('a connection that waits for its request while its certificate expires is not handed on', async () => {
  const under = new TurnoverUnderTest({ connections: { max: 1 } })
  under.source.turn(under.authority.identityOf('shop', { notAfter: Date.now() + 60_000 }))
  const busy = await under.take()
  under.source.turn()
  const waiting = under.take()
  await under.advance(61_000)
  busy.release()
  const next = await waiting
  expect([next === busy, busy.usable, next.made.identity]).toEqual([false, false, under.source.current])
})

test('a connection takes no call beyond its age, give or take a tenth, secured or not', async () => {
  for (const takesMtls of [true, false]) {
    const under = new TurnoverUnderTest({ takesMtls, connections: { maxAgeMs: 10_000, idleMs: 60_000 } })
    under.random = 0
    const [old] = await under.fill(1)
    await under.advance(8999)
    expect(await under.take()).toBe(old)
    old?.release()
    await under.advance(1)
    expect(await under.take()).not.toBe(old)
  }
})

test('where an endpoint takes mutual TLS from now on, the next connection is secured before those in plaintext go', async () => {
  const under = new TurnoverUnderTest({ takesMtls: false })
  const [old] = await under.fill(1)
  under.say(true)
  expect(await under.take()).toBe(old)
  old?.release()
  await under.advance(0)
  await under.advance(250)
  expect(old?.usable).toBe(false)
  expect([under.arrived, under.accepted.map(({ caller }) => caller)]).toEqual([2, ['spiffe://test.zerohop/svc/shop']])
  under.say(false)
  const secured = await under.take()
  expect(secured.made.identity).toBe(under.source.current)
  secured.release()
  await under.advance(0)
  await under.advance(250)
  expect((await under.take()).made.identity).toBe(null)
})

test('an endpoint that says it takes mutual TLS, and does not, is called in plaintext no longer', async () => {
  const under = new TurnoverUnderTest({ takesMtls: false })
  const [old] = await under.fill(1)
  under.turnsAway = true
  under.say(true)
  await under.take().then((connection) => connection.release())
  await under.advance(0)
  await under.advance(250)
  expect([old?.usable, under.connections.size]).toEqual([false, 0])
})

test('where the policy turns strict, no call goes in plaintext from then on', async () => {
  const under = new TurnoverUnderTest({ takesMtls: false })
  const [free, busy] = await Promise.all([under.take(), under.take()])
  free.release()
  under.connections.connect(() => {}).stop()
  await under.advance(0)
  under.connections.settings = under.settings('strict')
  const next = await under.take()
  expect([next.made.identity, free.usable]).toEqual([under.source.current, false])
  busy.release()
  await under.advance(0)
  expect(busy.usable).toBe(false)
})

test('nor while those in plaintext were kept until one by mutual TLS is there', async () => {
  const under = new TurnoverUnderTest({ takesMtls: false })
  const kept = await under.fill(2)
  under.say(true)
  const busy = await under.take()
  under.connections.settings = under.settings('strict')
  expect((await under.take()).made.identity).not.toBe(null)
  busy.release()
  await vi.waitFor(() => expect(kept.map(({ usable }) => usable)).toEqual([false, false]))
})

test('a connection in plaintext that comes after the policy turned strict is thrown away', async () => {
  const under = new TurnoverUnderTest({ takesMtls: false })
  const first = under.take()
  under.connections.settings = under.settings('strict')
  const second = under.take()
  expect((await Promise.all([first, second])).map(({ made }) => made.identity)).toEqual([under.source.current, under.source.current])
})

test('a connection that nobody came for closes when an idle one would', async () => {
  const under = new TurnoverUnderTest()
  const claimant = { wantsFresh: false, granted: () => {}, denied: () => {} }
  under.connections.claim(claimant, 0)
  under.connections.withdraw(claimant)
  await under.advance(0)
  expect([under.accepted.length, under.connections.size]).toEqual([1, 1])
  await under.advance(3999)
  expect(under.connections.size).toBe(1)
  await under.advance(1)
  expect(under.connections.size).toBe(0)
})

test('an endpoint that leaves, and a mesh that ends, swap nothing more', async () => {
  for (const end of ['retire', 'destroy'] as const) {
    const under = new TurnoverUnderTest()
    await under.fill(1)
    under.source.turn()
    under.connections.renew(0)
    await under.advance(0)
    expect(under.accepted.length).toBe(2)
    under.connections[end](new Error('over'))
    await under.advance(250)
    expect([under.connections.size, under.arrived, under.accepted.every(({ socket }) => socket.destroyed)]).toEqual([0, 2, true])
  }
})
