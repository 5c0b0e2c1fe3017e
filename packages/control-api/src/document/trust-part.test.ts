import { createHash } from 'node:crypto'
import type { TrustSection } from '@zerohop/mesh-core/policy'
import { fakeClock } from '@zerohop/mesh-core/testing'
import { expect, test } from 'vitest'
import { NaiveClient } from '../testing/naive-client.ts'
import { TestPlane } from '../testing/test-plane.ts'
import type { TrustSource } from './trust-part.ts'

class Roots implements TrustSource {
  trust = trustOf('a')
  readonly #listeners = new Set<() => void>()

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  turn(...roots: string[]): TrustSection {
    this.trust = trustOf(...roots)
    for (const listener of this.#listeners) listener()
    return this.trust
  }
}

function trustOf(...roots: string[]): TrustSection {
  const hash = createHash('sha256').update(roots.join()).digest('hex').slice(0, 16)
  return { hash, trustDomain: 'shop.internal', roots, renewBefore: 0 }
}

function scene(schema = 4) {
  const roots = new Roots()
  const plane = new TestPlane(fakeClock(), roots)
  const client = new NaiveClient(plane, 'i1', ['payment'])
  client.schema = schema
  return { roots, plane, client }
}

test('the first document says whom to believe, and names its hash among the sections', () => {
  const { roots, client } = scene()
  const { document } = client.poll()
  expect(document.trust).toEqual(roots.trust)
  expect(document.sections).toEqual({ trust: roots.trust.hash })
})

test('a change of trust wakes every parked poll, and is sent once', async () => {
  const { roots, plane, client } = scene()
  client.poll().apply()
  client.poll()
  const turned = roots.turn('a', 'b')
  await plane.clock.advance(100)
  expect(client.document).toMatchObject({ trust: turned, policies: {}, endpoints: {}, sections: { trust: turned.hash } })
  client.apply()
  plane.write('payment', { timeout: '2s' })
  await plane.clock.advance(100)
  client.poll({ waitMs: 0 })
  expect(client.document.trust).toBeUndefined()
  expect(client.document.sections.trust).toBe(turned.hash)
})

test('a client of an older schema is neither sent the trust nor woken for it', async () => {
  const { roots, plane, client } = scene(3)
  expect(client.poll().document.trust).toBeUndefined()
  expect(client.document.sections).toEqual({})
  client.apply()
  client.poll()
  roots.turn('b')
  await plane.clock.advance(1000)
  expect(client.answer).toBeNull()
})

test('a client that learns to read it gets it with everything else', () => {
  const { roots, client } = scene(3)
  client.poll().apply()
  client.schema = 4
  expect(client.poll().document.trust).toEqual(roots.trust)
})

test('a source that tells of something else changes nothing', async () => {
  const { roots, plane, client } = scene()
  client.poll().apply()
  const before = client.version
  roots.turn('a')
  client.poll({ waitMs: 0 })
  expect(client.answer).toEqual({ version: before })
  expect(plane.documents.version).toBe(before)
})

test('it is known who has not said that it holds the trust: until it polls again with the version that brought it', async () => {
  const { roots, plane, client } = scene()
  const old = new NaiveClient(plane, 'old', [])
  old.schema = 3
  const lacks = () => [...plane.documents.withoutTrust(roots.trust.hash)].map(({ instance }) => instance)
  client.poll()
  old.poll()
  expect(lacks()).toEqual(['i1'])
  client.apply()
  client.poll()
  expect(lacks()).toEqual([])
  roots.turn('a', 'b')
  expect(lacks()).toEqual(['i1'])
  await plane.clock.advance(100)
  expect(lacks()).toEqual(['i1'])
  client.apply()
  client.poll()
  expect(lacks()).toEqual([])
  plane.restart()
  client.poll()
  expect(lacks()).toEqual(['i1'])
  expect([...plane.documents.withoutTrust('another')]).toHaveLength(1)
})

test('a client that polls no more is waited for until its last poll would be over and twenty seconds more, and for as long as it holds a lease', async () => {
  const { roots, plane, client } = scene()
  const lacks = () => [...plane.documents.withoutTrust(roots.trust.hash)].map(({ instance }) => instance)
  const server = new NaiveClient(plane, 'server', [])
  server.schema = 4
  for (const one of [client, server]) {
    one.poll().apply()
    one.poll({ waitMs: 40_000 })
  }
  plane.lease('shop', 'server')
  roots.turn('a', 'b')
  await plane.clock.advance(100)
  // Both were sent the new roots, and neither asks again.
  await plane.clock.advance(59_000)
  plane.lease('shop', 'server')
  expect(lacks()).toEqual(['i1', 'server'])
  await plane.clock.advance(4000)
  expect(lacks()).toEqual(['server'])
  client.poll({ waitMs: 0 })
  expect(lacks()).toEqual(['i1', 'server'])
})

test('a client that lost the answer is sent the trust again', async () => {
  const { roots, plane, client } = scene()
  client.poll().apply()
  client.poll()
  const turned = roots.turn('b')
  await plane.clock.advance(100)
  expect(client.document.trust).toEqual(turned)
  client.poll()
  expect(client.document.trust).toEqual(turned)
})
