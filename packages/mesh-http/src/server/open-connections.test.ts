import { Duplex } from 'node:stream'
import { fakeClock, testAuthority } from '@zerohop/mesh-core/testing'
import { type Entrance, stranger } from '@zerohop/mesh-core/transport'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { OpenConnection, OpenConnections } from './open-connections.ts'

const authority = testAuthority()
const minute = 60_000

afterEach(() => vi.useRealTimers())

function socketFrom(remoteAddress?: string): Duplex {
  return Object.assign(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }), { remoteAddress })
}

interface Lives {
  readonly ownMs: number
  readonly peersMs: number
  readonly maxAgeMs?: number
}

function secured({ ownMs, peersMs, maxAgeMs = Number.POSITIVE_INFINITY }: Lives): OpenConnection {
  const identity = authority.identityOf('cart', { notAfter: Date.now() + ownMs })
  const peer = { spiffeId: identity.idOf('shop'), notAfter: Date.now() + peersMs }
  const socket = socketFrom()
  const connection = new OpenConnection(socket, { peer, entrance: { raw: socket, identity }, clock: fakeClock(), maxAgeMs })
  expect(connection.caller).toEqual({ service: 'shop', spiffeId: 'spiffe://test.zerohop/svc/shop' })
  return connection
}

// Half a second on either side: the clocks are read one after the other, and a certificate's end is a whole second.
function turnsAt(ms: number, is: (now: number) => boolean): [before: boolean, after: boolean] {
  return [is(ms - 500), is(ms + 500)]
}

describe('a secured connection', () => {
  test.each([
    ['with the certificate of either end, and is announced a minute before', { ownMs: 60 * minute, peersMs: 30 * minute }, 30, 29],
    ['with our own where that is the first', { ownMs: 20 * minute, peersMs: 30 * minute }, 20, 19],
  ] as const)('ends %s', (_how, lives, ends, last) => {
    const connection = secured(lives)
    expect(turnsAt(last * minute, (now) => connection.isLastAt(now))).toEqual([false, true])
    expect(turnsAt(ends * minute, (now) => connection.isExpiredAt(now))).toEqual([false, true])
  })

  test('of certificates that live for seconds is announced in their last tenth', () => {
    const connection = secured({ ownMs: 20_000, peersMs: 24 * 60 * minute })
    expect(turnsAt(18_000, (now) => connection.isLastAt(now))).toEqual([false, true])
    expect(turnsAt(20_000, (now) => connection.isExpiredAt(now))).toEqual([false, true])
  })

  test('is told to go a fifth after the age at which a caller of the mesh has gone', () => {
    const connection = secured({ ownMs: 600 * minute, peersMs: 600 * minute, maxAgeMs: 10 * minute })
    expect(turnsAt(12 * minute, (now) => connection.isLastAt(now))).toEqual([false, true])
  })

  test('has expired by the wall, too, though the mesh has counted no time: the machine slept', () => {
    const connection = secured({ ownMs: 60 * minute, peersMs: 30 * minute })
    expect([connection.isLastAt(1), connection.isExpiredAt(1)]).toEqual([false, false])
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 30 * minute })
    expect([connection.isLastAt(2), connection.isExpiredAt(2)]).toEqual([true, true])
  })
})

test('a connection in plaintext has no caller and no end, and an address as the caller has it', () => {
  const open = (address?: string): OpenConnection => {
    const raw = socketFrom(address)
    return new OpenConnection(raw, { peer: stranger, entrance: { raw, identity: null }, clock: fakeClock(), maxAgeMs: 1000 })
  }
  const connection = open('::ffff:10.0.0.7')
  expect([connection.caller, connection.isExpiredAt(1e15), connection.isLastAt(1e15)]).toEqual([null, false, false])
  expect([connection.from, open('fe80::1').from, open().from]).toEqual(['10.0.0.7', 'fe80::1', ''])
})

test('a connection that is cut is reset below its TLS, where there is a socket that can do so', () => {
  const clock = fakeClock()
  const cut: string[] = []
  const over = Object.assign(socketFrom(), { destroy: () => cut.push('ended') })
  const raw = Object.assign(socketFrom(), { resetAndDestroy: () => cut.push('reset') })
  const entrance = (below: Duplex): Entrance => ({ raw: below, identity: null })
  for (const below of [raw, socketFrom()]) {
    new OpenConnection(over as never, { peer: stranger, entrance: entrance(below), clock, maxAgeMs: 0 }).cut()
  }
  expect(cut).toEqual(['reset', 'ended'])
})

test('whoever waits for the last connection waits for those, too, of which it is not known yet who is there', async () => {
  const connections = new OpenConnections(fakeClock())
  const raw = socketFrom()
  expect(connections.arrive(raw)).toBe(true)
  let isEmpty = false
  const empty = connections.attendance.emptyWithin(Number.POSITIVE_INFINITY).then(() => {
    isEmpty = true
  })
  await null
  expect(isEmpty).toBe(false)
  raw.destroy()
  await empty
  connections.destroyAll()
  const late = socketFrom()
  expect([connections.arrive(late), late.destroyed]).toEqual([false, true])
})
