import { fakeClock } from '@zerohop/mesh-core/testing'
import { describe, expect, test } from 'vitest'
import { NaiveClient } from '../testing/naive-client.ts'
import { TestPlane } from '../testing/test-plane.ts'

describe('a poll', () => {
  test('without `after` is answered at once with all there is, and names what nobody knows', () => {
    const plane = new TestPlane(fakeClock())
    plane.write('defaults', { timeout: '1s' })
    plane.write('payment', { timeout: '2s' })
    plane.lease('payment', 'p1', { zone: 'a' })
    const { document } = new NaiveClient(plane, 'i1', ['payment', 'nobody']).poll()
    expect(document.policies).toMatchObject({ defaults: { document: { timeout: '1s' } }, payment: { document: { timeout: '2s' } } })
    expect(document.endpoints.payment).toMatchObject({ full: [{ address: 'p1:80', zone: 'a', labels: {}, weight: 1 }] })
    expect(Object.keys(document.sections)).toEqual(['policy/defaults', 'policy/payment', 'endpoints/payment'])
    expect(document.unknown).toEqual(['nobody'])
    expect(document.revision).toBe(2)
  })

  test('waits while nothing of its sections changes, and hears of a change 100 ms after it', async () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('payment', 'p1')
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.poll()
    plane.lease('other', 'o1')
    await plane.clock.advance(200)
    expect(client.answer).toBeNull()
    plane.write('payment', { timeout: '2s' })
    await plane.clock.advance(99)
    expect(client.answer).toBeNull()
    plane.lease('payment', 'p2')
    await plane.clock.advance(1)
    expect(Object.keys(client.document.policies)).toEqual(['payment'])
    expect(client.document.endpoints.payment).toMatchObject({ full: [{ address: 'p1:80' }, { address: 'p2:80' }] })
    expect(plane.documents.parked).toBe(0)
  })

  test('that comes while a change gathers company waits for the company', async () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    plane.lease('payment', 'p1')
    client.poll()
    expect(client.answer).toBeNull()
    plane.lease('payment', 'p2')
    await plane.clock.advance(100)
    expect(client.document.endpoints.payment).toMatchObject({ full: [{ address: 'p1:80' }, { address: 'p2:80' }] })
  })

  test('ends with nothing when its wait is over, and the version moves on over what did not concern it', async () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    const before = client.version
    client.poll()
    plane.lease('other', 'o1')
    await plane.clock.advance('54s')
    expect(client.answer).toBeNull()
    await plane.clock.advance('1200ms')
    expect(client.answer).toEqual({ version: plane.documents.version })
    expect(plane.documents.version).not.toBe(before)
    client.apply()
    client.poll({ waitMs: 0 })
    expect(client.answer).toEqual({ version: plane.documents.version })
  })

  test('whose uses grew is answered at once, with the new service whole and nothing else', () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('payment', 'p1')
    plane.lease('user', 'u1')
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.uses = ['payment', 'user']
    client.poll()
    expect(Object.keys(client.document.endpoints)).toEqual(['user'])
    expect(Object.keys(client.document.sections)).toEqual(['endpoints/payment', 'endpoints/user'])
  })

  test('after an answer that was lost is answered as if that one had never been', () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('payment', 'p1')
    plane.lease('user', 'u1')
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.uses = ['payment', 'user']
    client.poll()
    client.poll()
    expect(client.document.endpoints.user).toMatchObject({ full: [{ address: 'u1:80' }] })
    expect(client.apply()).toBe(true)
  })

  test('of another epoch, from the future or from before the start is answered whole', () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('payment', 'p1')
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    const { epoch } = plane.stores.policies
    for (const after of ['zzz.1', `${epoch}.999999999`, `${epoch}.0`, `${epoch}.9999999999999999`]) {
      expect(client.poll({ after }).document.endpoints.payment, after).toMatchObject({ full: [{ address: 'p1:80' }] })
    }
  })

  test('that says its version was refused is not sent that version again and again', async () => {
    const plane = new TestPlane(fakeClock())
    plane.write('payment', { timeout: '2s' })
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    const good = client.version
    client.poll()
    plane.write('payment', { timeout: '3s' })
    await plane.clock.advance(100)
    const refused = { version: client.document.version, reason: 'payment.timeout: too long' }
    client.poll({ after: good, refused })
    await plane.clock.advance(1000)
    expect(client.answer).toBeNull()
    plane.write('payment', { timeout: '4s' })
    await plane.clock.advance(100)
    expect(client.document.policies.payment?.document).toMatchObject({ timeout: '4s' })
  })

  test('of a process whose first document was refused waits where it holds its endpoints, and gets all where it holds nothing', async () => {
    const plane = new TestPlane(fakeClock())
    plane.write('payment', { timeout: '2s' })
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    const refused = { version: client.document.version, reason: 'unreadable' }
    expect(client.poll({ after: null, refused }).document.policies.payment?.document).toMatchObject({ timeout: '2s' })
    client.poll({ after: client.document.version, refused })
    expect(client.answer).toBeNull()
    plane.write('payment', { timeout: '4s' })
    await plane.clock.advance(100)
    expect(client.document.policies.payment?.document).toMatchObject({ timeout: '4s' })
  })

  test('of a process that already has one parked ends the other', () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    const other = new NaiveClient(plane, 'i1', ['payment'])
    other.version = client.version
    client.poll()
    other.poll()
    expect(client.answer).toEqual({ version: client.version })
    expect(plane.documents.parked).toBe(1)
  })

  test('whose connection is lost is not parked any more', async () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.poll().leave()
    expect(plane.documents.parked).toBe(0)
    plane.lease('payment', 'p1')
    await plane.clock.advance(200)
    expect(client.answer).toBeNull()
  })

  test('is answered at once when the control API drains', () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.poll()
    plane.documents.drain()
    expect(client.answer).toEqual({ version: client.version })
    client.poll()
    expect(client.answer).toEqual({ version: client.version })
  })
})

describe('endpoints', () => {
  test('of a long list go as what changed, and add up to the whole', async () => {
    const plane = new TestPlane(fakeClock())
    for (let n = 0; n < 60; n++) plane.lease('payment', `p${n}`)
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.poll()
    plane.lease('payment', 'p3', { labels: { version: 'v2' } })
    plane.registry.release('payment', 'p4')
    plane.lease('payment', 'p60')
    await plane.clock.advance(100)
    const section = client.document.endpoints.payment
    expect(section).toMatchObject({ put: [{ address: 'p3:80', labels: { version: 'v2' } }, { address: 'p60:80' }], drop: ['p4:80'] })
    expect(client.apply()).toBe(true)
    expect(client.endpoints.get('payment')?.size).toBe(60)
  })

  test('of a service whose last lease ended are an empty list for ten minutes, and then unknown', async () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('payment', 'p1')
    const client = new NaiveClient(plane, 'i1', ['payment']).poll()
    client.apply()
    client.poll()
    plane.registry.release('payment', 'p1')
    await plane.clock.advance(100)
    expect(client.document.endpoints.payment).toEqual({ hash: '0000000000000000', full: [] })
    client.apply()
    await plane.clock.advance('599s')
    client.poll()
    expect(client.answer).toBeNull()
    await plane.clock.advance('1s')
    expect(client.document.unknown).toEqual(['payment'])
  })
})

describe('what clients cost', () => {
  test('a process not heard of for ten minutes is forgotten, with the names that only it used', async () => {
    const plane = new TestPlane(fakeClock())
    new NaiveClient(plane, 'i1', ['payment', 'user']).poll()
    expect(plane.documents.clients.size).toBe(1)
    await plane.clock.advance('611s')
    expect(plane.documents.clients.size).toBe(0)
    expect(plane.documents.interests.size).toBe(0)
    expect([...plane.documents.catalog.all()]).toEqual([])
  })

  test('a parked process is never forgotten', async () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', []).poll()
    client.apply()
    for (let n = 0; n < 14; n++) {
      client.poll()
      await plane.clock.advance('60s')
      client.apply()
    }
    expect(plane.documents.clients.size).toBe(1)
  })

  test('those who ask the same get the very same pieces', async () => {
    const plane = new TestPlane(fakeClock())
    const clients = Array.from({ length: 50 }, (_, n) => new NaiveClient(plane, `i${n}`, ['payment']).poll())
    for (const client of clients) client.apply()
    for (const client of clients) client.poll()
    plane.write('payment', { timeout: '1s' })
    await plane.clock.advance(100)
    expect(new Set(clients.map((client) => client.document.version)).size).toBe(1)
    expect(plane.documents.parked).toBe(0)
  })
})
