import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { ControlUnderTest } from './control-under-test.ts'
import { scene } from './scene-under-test.ts'

test('a lease is taken, renewed, taken again where it was forgotten, and given back', async () => {
  const { control, api, clock, lines } = scene(fakeClock())
  const registered = control.register({ address: '10.0.0.5:80', labels: { version: 'v1' }, zone: '', weight: 1 })
  const other = control.register({ address: '10.0.0.5:81', labels: {}, zone: '', weight: 1 })
  await clock.advance('11s')
  expect(api.leases.filter((line) => line === 'PUT cart-1 10.0.0.5:80')).toHaveLength(3)
  expect(api.leases).toContain('PUT cart-1.2 10.0.0.5:81')
  expect(control.explain().registered).toEqual({ '10.0.0.5:80': true, '10.0.0.5:81': true })
  api.leaseStatus = 404
  await clock.advance('6s')
  expect(control.explain().registered['10.0.0.5:80']).toBe(false)
  api.leaseStatus = 200
  await clock.advance('5s')
  expect(control.explain().registered['10.0.0.5:80']).toBe(true)
  expect(lines.filter((line) => line.includes('is not registered'))).toHaveLength(2)
  await registered.release()
  expect(api.leases.at(-1)).toBe('DELETE cart-1')
  const leases = api.leases.length
  await clock.advance('4s')
  expect(api.leases.slice(leases).filter((line) => line.includes('cart-1 '))).toEqual([])
  await other.release()
  await control.close()
})

test('giving a lease back is not waited for longer than a second', async () => {
  const { control, api, clock } = scene(fakeClock())
  const registered = control.register({ address: '10.0.0.5:80', labels: {}, zone: '', weight: 1 })
  await clock.advance(0)
  api.exchange = () => new Promise(() => {})
  let released = false
  void registered.release().then(() => {
    released = true
  })
  await clock.advance(999)
  expect(released).toBe(false)
  await clock.advance(1)
  expect(released).toBe(true)
  await control.close()
})

test('a renewal that is under way arrives before the lease is given back', async () => {
  const { control, api, clock } = scene(fakeClock())
  const registered = control.register({ address: '10.0.0.5:80', labels: {}, zone: '', weight: 1 })
  await clock.advance(0)
  const answered = Promise.withResolvers<void>()
  const { exchange } = ControlUnderTest.prototype
  api.exchange = async (request) => {
    const method = request.method
    if (method === 'PUT') await answered.promise
    return exchange.call(api, request)
  }
  await clock.advance('5s')
  const released = registered.release()
  await clock.advance(100)
  expect(api.leases).toEqual(['PUT cart-1 10.0.0.5:80'])
  answered.resolve()
  await released
  expect(api.leases).toEqual(['PUT cart-1 10.0.0.5:80', 'PUT cart-1 10.0.0.5:80', 'DELETE cart-1'])
  await control.close()
})

test('what a server says anew goes out at once, also during a renewal, and is told to whoever waits once it is listed', async () => {
  const { control, api, clock } = scene(fakeClock())
  const first = { address: '10.0.0.5:80', labels: {}, zone: '', weight: 1 }
  const registered = control.register(first)
  await clock.advance(0)
  const labels: unknown[] = []
  const { exchange } = ControlUnderTest.prototype
  let answered = Promise.withResolvers<void>()
  api.exchange = async (request) => {
    if (request.method === 'PUT') {
      labels.push(JSON.parse(request.body).labels)
      await answered.promise
    }
    return exchange.call(api, request)
  }
  const told: string[] = []
  void registered.relist({ ...first, labels: { n: '1' } }).then(() => told.push('listed'))
  await clock.advance(0)
  void registered.relist({ ...first, labels: { n: '2' } })
  const { resolve } = answered
  answered = Promise.withResolvers<void>()
  resolve()
  await clock.advance(0)
  expect([labels, told]).toEqual([[{ n: '1' }, { n: '2' }], []])
  answered.resolve()
  await clock.advance(0)
  expect([labels.length, told]).toEqual([2, ['listed']])
  answered = Promise.withResolvers<void>()
  const waiting = registered.relist(first)
  api.exchange = exchange
  answered.resolve()
  await registered.release()
  await waiting
  await registered.relist(first)
  await control.close()
})
