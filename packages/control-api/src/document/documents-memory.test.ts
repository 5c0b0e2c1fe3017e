import { fakeClock } from '@zerohop/mesh-core/testing'
import { describe, expect, test } from 'vitest'
import { NaiveClient } from '../testing/naive-client.ts'
import { TestPlane } from '../testing/test-plane.ts'
import { TooManyNames } from './catalog.ts'
import { mostClients, TooManyClients } from './clients.ts'

describe('what the control API remembers of a client', () => {
  test('is not what the client threw away: a service that it uses again comes whole', () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('user', 'u1')
    const client = new NaiveClient(plane, 'i1', ['payment', 'user']).poll()
    client.apply()
    client.uses = ['payment']
    client.poll().leave()
    client.uses = ['payment', 'user']
    client.poll()
    expect(client.document.endpoints.user).toMatchObject({ full: [{ address: 'u1:80' }] })
  })

  test('is not what it threw away before an answer was lost', async () => {
    const plane = new TestPlane(fakeClock())
    plane.lease('user', 'u1')
    const client = new NaiveClient(plane, 'i1', ['payment', 'user']).poll()
    client.apply()
    client.poll()
    plane.lease('payment', 'p1')
    await plane.clock.advance(100)
    // Lost, and the next one too, which is asked for without `user`.
    client.uses = ['payment']
    client.poll()
    client.uses = ['payment', 'user']
    client.poll()
    expect(Object.keys(client.document.endpoints)).toEqual(['payment', 'user'])
    expect(client.apply()).toBe(true)
  })

  test('is forgotten when it reads another schema', () => {
    const plane = new TestPlane(fakeClock())
    plane.write('mail', { external: true, timeout: '1s' })
    const client = new NaiveClient(plane, 'i1', ['mail'])
    client.schema = 1
    client.poll().apply()
    client.schema = 2
    client.poll()
    expect(client.document.policies.mail?.document).toMatchObject({ external: true })
  })
})

describe('clients beyond all measure', () => {
  test('are refused, and those who were there before go on', () => {
    const plane = new TestPlane(fakeClock())
    const first = new NaiveClient(plane, 'first', []).poll()
    first.apply()
    // As many of one service as there may be of one alone, and the rest of others.
    for (let n = 1; n < 30_000; n++) new NaiveClient(plane, `i${n}`, []).poll()
    expect(() => new NaiveClient(plane, 'more', []).poll()).toThrow('30000 processes of shop poll')
    for (let n = 30_000; n < mostClients; n++) new NaiveClient(plane, `i${n}`, []).poll({ service: 'cart' })
    expect(() => new NaiveClient(plane, 'more', []).poll({ service: 'cart' })).toThrow(TooManyClients)
    first.poll()
    expect(plane.documents.parked).toBe(1)
  })

  test('of one service use a million names, each its own, and no more until some have gone', () => {
    const plane = new TestPlane(fakeClock())
    const names = Array.from({ length: 1000 }, (_, n) => `s${n}`)
    // Each leaves out another one, and what was asked for before counts no more.
    const but = (left: number): NaiveClient => new NaiveClient(plane, `i${left}`, [...names.slice(0, left), ...names.slice(left + 1)])
    const all = names.map((_, left) => but(left).poll())
    for (const one of all) one.poll()
    new NaiveClient(plane, 'more', [...names.slice(1), 'more']).poll()
    const most = new NaiveClient(plane, 'most', [...names.slice(2), 'most'])
    expect(() => most.poll()).toThrow(TooManyNames)
    most.poll({ service: 'cart' })
    if (all[0] !== undefined) all[0].uses = []
    all[0]?.poll()
    most.poll()
  })

  test('leave none of their names behind when one is too much', () => {
    const plane = new TestPlane(fakeClock())
    const names = (from: number, count: number) => Array.from({ length: count }, (_, n) => `s${from + n}`)
    for (let n = 0; n < 49; n++) new NaiveClient(plane, `i${n}`, names(n * 1000, 1000)).poll()
    const before = [...plane.documents.catalog.all()].length
    expect(() => new NaiveClient(plane, 'more', names(500_000, 1000)).poll()).toThrow(TooManyNames)
    expect([...plane.documents.catalog.all()].length).toBe(before)
  })
})

describe('a service whose processes ask about names without end', () => {
  test('takes from no other that it is known, and what is written of it told', () => {
    const plane = new TestPlane(fakeClock())
    let from = 0
    for (let [size, n] = [1000, 0]; size >= 1; n++) {
      const names = Array.from({ length: size }, (_, at) => `s${from + at}`)
      try {
        new NaiveClient(plane, `i${n}`, names).poll()
        from += size
      } catch (error) {
        expect(error).toBeInstanceOf(TooManyNames)
        size = Math.floor(size / 2)
      }
    }
    plane.write('payment', { timeout: '2s' })
    plane.lease('stock', 's1')
    const other = new NaiveClient(plane, 'other', ['nobody', 'payment', 'stock']).poll({ service: 'cart' })
    expect(other.document).toMatchObject({ policies: { payment: {} }, endpoints: { stock: {} }, unknown: ['nobody'] })
  })

  test('may ask about others once it asks no more about these, or once these are known', () => {
    const plane = new TestPlane(fakeClock())
    const asking = (instance: number, from: number): NaiveClient =>
      new NaiveClient(
        plane,
        `i${instance}`,
        Array.from({ length: 1000 }, (_, at) => `s${from + at}`),
      )
    const all = Array.from({ length: 49 }, (_, n) => asking(n, n * 1000).poll())
    const more = asking(99, 99_000)
    expect(() => more.poll()).toThrow(TooManyNames)
    for (let n = 0; n < 2; n++) plane.lease(`s${n}`, `p${n}`)
    more.poll()
    expect(() => asking(100, 100_000).poll()).toThrow(TooManyNames)
    if (all[48] !== undefined) all[48].uses = []
    all[48]?.poll()
    expect(asking(100, 100_000).poll().document.unknown).toHaveLength(1000)
  })
})

describe('clients that are behind', () => {
  test('by different distances each get the delta of their own', async () => {
    const plane = new TestPlane(fakeClock())
    for (let n = 0; n < 60; n++) plane.lease('payment', `p${n}`)
    const slow = new NaiveClient(plane, 'slow', ['payment']).poll()
    slow.apply()
    plane.lease('payment', 'p3', { zone: 'b' })
    const fast = new NaiveClient(plane, 'fast', ['payment']).poll()
    fast.apply()
    plane.lease('payment', 'p4', { zone: 'b' })
    await plane.clock.advance(100)
    expect(fast.poll().document.endpoints.payment).toMatchObject({ put: [{ address: 'p4:80' }] })
    expect(slow.poll().document.endpoints.payment).toMatchObject({ put: [{ address: 'p3:80' }, { address: 'p4:80' }] })
    expect([fast.apply(), slow.apply()]).toEqual([true, true])
  })

  test('are answered at once, even while a later change still gathers company', async () => {
    const plane = new TestPlane(fakeClock())
    const client = new NaiveClient(plane, 'i1', ['payment', 'user']).poll()
    client.apply()
    plane.lease('payment', 'p1')
    await plane.clock.advance(100)
    plane.lease('user', 'u1')
    client.poll()
    expect(Object.keys(client.document.endpoints)).toEqual(['payment', 'user'])
  })
})
