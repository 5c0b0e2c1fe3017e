import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { scene } from './scene-under-test.ts'

test('a name that nobody knows is answered once, and from memory for half a minute', async () => {
  const { control, api, clock, addresses, call } = scene(fakeClock())
  expect(await call('nowhere')).toBeUndefined()
  const polls = api.polls.length
  for (let n = 0; n < 20; n++) expect(addresses('nowhere')).toBeUndefined()
  expect(control.inquiries.inquire('nowhere', 1000)).toBe(null)
  expect(api.polls).toHaveLength(polls)
  api.putEndpoints('nowhere', '10.0.0.1:80')
  await clock.advance(0)
  expect(addresses('nowhere')).toEqual(['10.0.0.1:80'])
  await control.close()
})

test('only names without a dot, and those with a suffix of ours, are asked about', async () => {
  const { control, api, clock, addresses } = scene(fakeClock(), { suffixes: ['.shop.internal'] })
  void control.ready()
  await clock.advance(0)
  const polls = api.polls.length
  for (const host of ['example.com', 'localhost', '127.0.0.1', '[::1]', 'shop.internal.example.com', 'UPPER', 'under_score', 'defaults'])
    addresses(host)
  await clock.advance('1s')
  expect(api.polls).toHaveLength(polls)
  addresses('payment.shop.internal')
  await clock.advance('1s')
  expect(api.polls.at(-1)?.uses).toEqual(['payment.shop.internal'])
  await control.close()
})

test('ten thousand names in a loop are one poll after the other, none longer than a head may be, and memory has a bound', async () => {
  const { control, api, clock, addresses } = scene(fakeClock())
  void control.ready()
  await clock.advance(0)
  for (let n = 0; n < 12_000; n++) addresses(`name-${n}`)
  expect(control.explain().problems.join()).toMatch(/\d{4} services are not asked about: a poll has no room/)
  await clock.advance('1s')
  expect(api.polls.length).toBeLessThan(15)
  expect(Math.max(...api.polls.map(({ uses }) => uses.join().length))).toBeLessThanOrEqual(12_000)
  expect(control.explain().uses).toHaveLength(64)
  await control.close()
})

test('a call waits half a second for an answer at most, and not at all without contact', async () => {
  const { control, api, clock, addresses } = scene(fakeClock(), { outbound: 'registered-only' })
  api.next.push(() => 'silence')
  addresses('inventory')
  let told = false
  void control.inquiries.inquire('inventory', 10_000)?.then(() => {
    told = true
  })
  await clock.advance(499)
  expect(told).toBe(false)
  await clock.advance(1)
  expect(told).toBe(true)
  addresses('inventory')
  expect(control.inquiries.inquire('inventory', 10_000)).toBe(null)
  api.outage = new Error('connect ECONNREFUSED')
  await clock.advance('20s')
  addresses('user')
  expect(control.inquiries.inquire('user', 10_000)).toBe(null)
  expect(control.inquiries.strangerError('user')).toMatchObject({
    code: 'NOT_REGISTERED',
    message: expect.stringMatching(/cannot be asked .*ECONNREFUSED/),
  })
  expect(control.inquiries.strangerError('example.com')).toBe(null)
  await control.close()
})

test('a call that waits when contact is lost waits no longer', async () => {
  const { control, api, clock, addresses } = scene(fakeClock())
  void control.ready()
  await clock.advance(0)
  api.outage = new Error('gone')
  addresses('inventory')
  let told = false
  void control.inquiries.inquire('inventory', 1000)?.then(() => {
    told = true
  })
  await clock.advance(20)
  expect(told).toBe(true)
  await control.close()
})
