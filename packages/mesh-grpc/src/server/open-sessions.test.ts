import { once } from 'node:events'
import http2, { type ClientHttp2Session, type ServerHttp2Session } from 'node:http2'
import { type Duplex, duplexPair } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { type FakeClock, fakeClock, testAuthority } from '@zerohop/mesh-core/testing'
import { type Identity, type Peer, stranger } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { OpenSessions } from './open-sessions.ts'

const opened: ServerHttp2Session[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const session of opened.splice(0)) session.destroy()
})

interface Scene {
  clock: FakeClock
  sessions: OpenSessions
  server: ServerHttp2Session
  client: ClientHttp2Session
}

interface Opening {
  identity?: Identity | null
  peer?: Peer
  maxAgeMs?: number
}

function raw(): { clock: FakeClock; sessions: OpenSessions; server: ServerHttp2Session; near: Duplex } {
  const clock = fakeClock()
  const sessions = new OpenSessions({ clock, random: () => 0 })
  const [near, far] = duplexPair()
  sessions.take(far)
  const server = http2.performServerHandshake(far)
  sessions.add(server, { peer: stranger, entrance: { raw: far, identity: null }, maxAgeMs: Number.POSITIVE_INFINITY })
  opened.push(server)
  return { clock, sessions, server, near }
}

async function open({ identity = null, peer = stranger, maxAgeMs = Number.POSITIVE_INFINITY }: Opening = {}): Promise<Scene> {
  const clock = fakeClock()
  const sessions = new OpenSessions({ clock, random: () => 0 })
  const [near, far] = duplexPair()
  sessions.take(far)
  const server = http2.performServerHandshake(far)
  sessions.add(server, { peer, entrance: { raw: far, identity }, maxAgeMs })
  const client = http2.connect('http://cart', { createConnection: () => near })
  // The caller's end goes with the stream below it: Node.js 24 cannot write its farewell there.
  opened.push(server)
  client.on('error', () => {})
  await Promise.all([once(client, 'remoteSettings'), once(server, 'remoteSettings')])
  return { clock, sessions, server, client }
}

describe('a connection', () => {
  it('is told to end a little after the age of the policy, when callers of the mesh have left by themselves', async () => {
    const { clock, client, server } = await open({ maxAgeMs: 60_000 })
    await clock.advance(65_999)
    expect(server.closed).toBe(false)
    const told = once(client, 'goaway')
    await clock.advance(1)
    await told
    expect(server.closed).toBe(true)
  })

  it.each(['own', 'peer'])('is told to end before its %s certificate does, and takes no call from then on', async (whose) => {
    const authority = testAuthority()
    const soon = Date.now() + 50_000
    const identity = authority.identityOf('cart', whose === 'own' ? { notAfter: soon } : {})
    const peer = { spiffeId: identity.idOf('frontend'), notAfter: whose === 'peer' ? soon : Number.POSITIVE_INFINITY }
    const { clock, sessions, server } = await open({ identity, peer })
    const session = sessions.of(server)
    expect(session?.caller).toEqual({ service: 'frontend', spiffeId: 'spiffe://test.zerohop/svc/frontend' })
    await clock.advance(44_000)
    expect([server.closed, session?.isExpired]).toEqual([false, false])
    await clock.advance(2000)
    expect([server.closed, session?.isExpired]).toEqual([true, false])
    await clock.advance(5000)
    expect(session?.isExpired).toBe(true)
  })

  it('takes no call once a certificate has expired by the wall, though the mesh has counted no time: the machine slept', async () => {
    const identity = testAuthority().identityOf('cart', { notAfter: Date.now() + 50_000 })
    const { clock, sessions, server } = await open({ identity, peer: { spiffeId: identity.idOf('frontend'), notAfter: Infinity } })
    const session = sessions.of(server)
    await clock.advance(1)
    expect(session?.isExpired).toBe(false)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 51_000 })
    await clock.advance(1)
    expect(session?.isExpired).toBe(true)
  })

  it('that says nothing is cut', async () => {
    const { clock, sessions, server } = raw()
    await clock.advance(15_000)
    await sessions.attendance.emptyWithin(Number.POSITIVE_INFINITY)
    expect(server.destroyed).toBe(true)
  })

  it('stays where somebody answers that he is still there', async () => {
    const { clock, server, client } = await open()
    for (let minute = 0; minute < 3; minute++) {
      const asked = once(client, 'ping')
      await clock.advance(60_000)
      await asked
      // The answer has a few turns to travel before time goes on.
      for (let turns = 0; turns < 20; turns++) await turn()
    }
    expect(server.destroyed).toBe(false)
  })

  it('is cut where nobody does', async () => {
    const { clock, sessions, server, near } = raw()
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
    near.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings]))
    await once(server, 'remoteSettings')
    await clock.advance(60_000)
    expect(server.destroyed).toBe(false)
    await clock.advance(20_000)
    await sessions.attendance.emptyWithin(Number.POSITIVE_INFINITY)
    expect(server.destroyed).toBe(true)
  })

  it('leaves no timer behind', async () => {
    const { clock, server } = await open({ maxAgeMs: 60_000 })
    expect(clock.pending).toBe(2)
    server.destroy()
    await once(server, 'close')
    expect(clock.pending).toBe(0)
  })
})

describe('all connections', () => {
  it('are cut at once, and those that still come as well', async () => {
    const { sessions, server } = await open()
    sessions.destroyAll()
    const [, late] = duplexPair()
    expect([sessions.take(late), late.destroyed]).toEqual([false, true])
    await sessions.attendance.emptyWithin(Number.POSITIVE_INFINITY)
    expect([server.destroyed, sessions.attendance.size]).toEqual([true, 0])
  })
})
