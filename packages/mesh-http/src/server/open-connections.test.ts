import { Duplex } from 'node:stream'
import { fakeClock, testAuthority } from '@zerohop/mesh-core/testing'
import { type Entrance, stranger } from '@zerohop/mesh-core/transport'
import { describe, expect, test } from 'vitest'
import { OpenConnection, OpenConnections } from './open-connections.ts'

const authority = testAuthority()
const minute = 60_000

function socketFrom(remoteAddress?: string): Duplex {
  return Object.assign(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }), { remoteAddress })
}

function secured({ ownMs, peersMs, maxAgeMs }: { ownMs: number; peersMs: number; maxAgeMs: number }): {
  endsInMs: number
  lastInMs: number
} {
  const clock = fakeClock()
  const identity = authority.identityOf('cart', { notAfter: Date.now() + ownMs })
  const peer = { spiffeId: identity.idOf('shop'), notAfter: Date.now() + peersMs }
  const socket = socketFrom()
  const connection = new OpenConnection(socket, { peer, entrance: { raw: socket, identity }, clock, maxAgeMs })
  expect(connection.caller).toEqual({ service: 'shop', spiffeId: 'spiffe://test.zerohop/svc/shop' })
  // The two clocks are read one after the other.
  const rounded = (ms: number): number => Math.round(ms / 1000) * 1000
  return { endsInMs: rounded(connection.endsAt), lastInMs: rounded(connection.lastFrom) }
}

describe('a secured connection', () => {
  test.each([
    ['with the certificate of either end, and is announced a minute before', { ownMs: 60 * minute, peersMs: 30 * minute }, 30, 29],
    ['with our own where that is the first', { ownMs: 20 * minute, peersMs: 30 * minute }, 20, 19],
  ] as const)('ends %s', (_how, lives, ends, last) => {
    expect(secured({ ...lives, maxAgeMs: Number.POSITIVE_INFINITY })).toEqual({ endsInMs: ends * minute, lastInMs: last * minute })
  })

  test('of certificates that live for seconds is announced in their last tenth', () => {
    const seconds = secured({ ownMs: 20_000, peersMs: 24 * 60 * minute, maxAgeMs: Number.POSITIVE_INFINITY })
    expect(seconds).toEqual({ endsInMs: 20_000, lastInMs: 18_000 })
  })

  test('is told to go a fifth after the age at which a caller of the mesh has gone', () => {
    expect(secured({ ownMs: 600 * minute, peersMs: 600 * minute, maxAgeMs: 10 * minute }).lastInMs).toBe(12 * minute)
  })
})

test('a connection in plaintext has no caller and no end, and an address as the caller has it', () => {
  const open = (address?: string): OpenConnection => {
    const raw = socketFrom(address)
    return new OpenConnection(raw, { peer: stranger, entrance: { raw, identity: null }, clock: fakeClock(), maxAgeMs: 1000 })
  }
  const connection = open('::ffff:10.0.0.7')
  expect([connection.caller, connection.endsAt, connection.lastFrom]).toEqual([null, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
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
