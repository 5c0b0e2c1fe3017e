import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { reply } from './control-under-test.ts'
import { scene } from './scene-under-test.ts'

test('nothing is asked before the mesh is used, and a mesh that waits is ready with the first document', async () => {
  const { control, api, clock, sets } = scene(fakeClock())
  api.putPolicy('cart', { timeout: '3s' })
  await clock.advance('1m')
  expect(api.polls).toHaveLength(0)
  expect(control.isReady).toBe(false)
  const ready = control.ready()
  await clock.advance(0)
  await ready
  expect(sets.at(-1)?.services.get('cart')?.timeout).toBe(3000)
  expect(control.explain()).toMatchObject({
    state: 'connected',
    source: 'live',
    version: api.version,
    revision: api.revision,
    problems: [],
  })
  await control.close()
})

test('a first call asks for the service at once, gives up the parked poll, and finds endpoints and policy', async () => {
  const { control, api, clock, sets, call } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  api.putPolicy('inventory', { timeout: '1s' })
  void control.ready()
  await clock.advance(0)
  expect(api.parked).toBe(1)
  expect(await call('inventory')).toEqual(['10.0.0.1:80'])
  expect(sets.at(-1)?.services.get('inventory')?.timeout).toBe(1000)
  expect(api.polls.at(-1)?.uses).toEqual(['inventory'])
  await control.close()
})

test('changes reach a parked poll, and the endpoints that did not change stay the same objects', async () => {
  const { control, api, clock, addresses, call } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80', '10.0.0.2:80')
  await call('inventory')
  await clock.advance('1s')
  api.putEndpoints('inventory', '10.0.0.2:80', '10.0.0.3:80')
  await clock.advance(0)
  expect(addresses('inventory')).toEqual(['10.0.0.2:80', '10.0.0.3:80'])
  expect(api.polls.at(-1)?.after).toBe(api.version)
  await control.close()
})

test('a policy that cannot be read is refused and reported, the last good one stays, endpoints go on', async () => {
  const { control, api, clock, sets, problems, addresses, call } = scene(fakeClock())
  api.putPolicy('inventory', { timeout: '1s' })
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  const adopted = sets.length
  api.putPolicy('inventory', { timeout: 'soon' })
  const refused = api.version
  await clock.advance('1s')
  expect(sets).toHaveLength(adopted)
  expect(problems.at(-1)?.join()).toMatch(/inventory\.timeout/)
  expect(api.polls.at(-1)).toMatchObject({ refused, after: refused })
  expect(api.polls.at(-1)?.reason).toMatch(/inventory\.timeout: "soon" is no duration/)
  api.putEndpoints('inventory', '10.0.0.2:80')
  await clock.advance('1s')
  expect(addresses('inventory')).toEqual(['10.0.0.2:80'])
  expect(api.polls.at(-1)).toMatchObject({ refused })
  expect(control.counts.refusals.get('policy')).toBe(1)
  api.putPolicy('inventory', { timeout: '2s' })
  await clock.advance('1s')
  expect(sets.at(-1)?.services.get('inventory')?.timeout).toBe(2000)
  expect(api.polls.at(-1)?.refused).toBe(null)
  await control.close()
})

test('without control API a mesh is ready after two seconds, and says so', async () => {
  const { control, api, clock, lines } = scene(fakeClock())
  api.outage = new Error('connect ECONNREFUSED')
  const ready = control.ready()
  await clock.advance(1999)
  expect(control.isReady).toBe(false)
  await clock.advance(1)
  await ready
  expect(lines.join()).toMatch(/no contact with the control API.*ECONNREFUSED.*goes on without/)
  expect(control.explain()).toMatchObject({ state: 'lost', source: 'none', ageMs: -1 })
  await control.close()
})

test('an outage of ten minutes changes nothing, costs a poll every 15 s at most, and ends in sync', async () => {
  const { control, api, clock, addresses, call, lines } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  const polls = api.polls.length
  let asked = 0
  api.exchange = () => {
    asked++
    return Promise.reject(new Error('gone'))
  }
  api.wake()
  await clock.advance('66s')
  await clock.advance('10m')
  expect(addresses('inventory')).toEqual(['10.0.0.1:80'])
  expect(asked).toBeGreaterThan(40)
  expect(asked).toBeLessThan(90)
  expect(api.polls).toHaveLength(polls)
  expect(lines.filter((line) => line.startsWith('no contact'))).toHaveLength(1)
  expect(control.ageMs).toBeGreaterThan(600_000)
  delete (api as { exchange?: unknown }).exchange
  api.putEndpoints('inventory', '10.0.0.9:80')
  await clock.advance('15s')
  expect(addresses('inventory')).toEqual(['10.0.0.9:80'])
  expect(control.isConnected).toBe(true)
  await control.close()
})

test('of several addresses the one that works is kept, and the next is tried at once where it does not', async () => {
  const { control, api, clock } = scene(fakeClock(), { control: ['http://a:1', 'http://b:1', 'http://c:1'] })
  api.next.push(
    () => new Error('refused'),
    () => reply(500, 'oops'),
  )
  void control.ready()
  await clock.advance(0)
  expect(api.polls.slice(0, 3).map(({ address }) => address)).toEqual(['http://a:1', 'http://b:1', 'http://c:1'])
  expect(control.isConnected).toBe(true)
  api.putPolicy('defaults', { timeout: '1s' })
  await clock.advance('1s')
  expect(api.polls.at(-1)?.address).toBe('http://c:1')
  await control.close()
})

test('an empty list after a full one is held for half a minute, then believed; one endpoint in between ends the doubt', async () => {
  const { control, api, clock, addresses, call, lines } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  api.putEndpoints('inventory')
  await clock.advance('29s')
  expect(addresses('inventory')).toEqual(['10.0.0.1:80'])
  expect(control.held).toEqual(['inventory'])
  api.putEndpoints('inventory', '10.0.0.7:80')
  await clock.advance('1s')
  expect(addresses('inventory')).toEqual(['10.0.0.7:80'])
  expect(control.held).toEqual([])
  api.putEndpoints('inventory')
  await clock.advance('31s')
  expect(addresses('inventory')).toEqual([])
  expect(lines.join()).toMatch(/listed no endpoint for 30 s, and is believed/)
  await control.close()
})

test('a control API that lost its store: endpoints stay until they register again, policies until one is written', async () => {
  const { control, api, clock, addresses, call, sets } = scene(fakeClock())
  api.putPolicy('inventory', { timeout: '1s' })
  api.putEndpoints('inventory', '10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80')
  await call('inventory')
  const adopted = sets.length
  api.lose('second')
  await clock.advance('1s')
  expect(addresses('inventory')).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'])
  api.putEndpoints('inventory', '10.0.0.2:80')
  await clock.advance('1s')
  expect(addresses('inventory')).toEqual(['10.0.0.2:80', '10.0.0.1:80', '10.0.0.3:80'])
  expect(sets).toHaveLength(adopted)
  expect(control.counts.refusals.get('empty_store')).toBe(1)
  expect(api.polls.at(-1)?.reason).toMatch(/store of the control API is empty/)
  await clock.advance('30s')
  expect(addresses('inventory')).toEqual(['10.0.0.2:80'])
  api.putPolicy('inventory', { timeout: '9s' })
  await clock.advance('1s')
  expect(sets.at(-1)?.services.get('inventory')?.timeout).toBe(9000)
  await control.close()
})

test('an epoch that was left behind, and an older revision, are refused and reported', async () => {
  const { control, api, clock, addresses, call } = scene(fakeClock())
  api.putPolicy('defaults', { timeout: '1s' })
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  const old = { version: 'first.99', schema: 2, revision: 99, sections: {}, policies: {}, endpoints: {} }
  api.epoch = 'second'
  api.putPolicy('defaults', { timeout: '2s' })
  await clock.advance('1s')
  expect(control.explain().version).toBe(api.version)
  api.next.push(() => reply(200, old))
  api.putPolicy('defaults', { timeout: '3s' })
  await clock.advance('1s')
  expect(control.counts.refusals.get('older_epoch')).toBe(1)
  expect(api.polls.some(({ refused }) => refused === 'first.99')).toBe(true)
  api.next.push(() => reply(200, { ...old, version: 'second.99', revision: 1 }))
  api.putPolicy('defaults', { timeout: '4s' })
  await clock.advance('1s')
  expect(control.counts.refusals.get('older_revision')).toBe(1)
  expect(addresses('inventory')).toEqual(['10.0.0.1:80'])
  expect(control.explain()).toMatchObject({ state: 'connected', version: api.version })
  await control.close()
})

test('a server that answers at once and for ever without news is asked ever more rarely', async () => {
  const { control, api, clock, call } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  const polls = api.polls.length
  for (let n = 0; n < 1000; n++) api.next.push(() => ({ status: 204, headers: { 'zerohop-version': api.version }, body: Buffer.alloc(0) }))
  api.putPolicy('defaults', { timeout: '1s' })
  await clock.advance('2m')
  expect(api.polls.length - polls).toBeLessThan(16)
  await control.close()
})

test('an answer that was lost is asked for from the start, so that nothing new is missed', async () => {
  const { control, api, clock, addresses } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  void control.ready()
  await clock.advance(0)
  api.next.push(() => new Error('ECONNRESET'))
  addresses('inventory')
  await clock.advance('1s')
  expect(api.polls.at(-2)?.after).toBe(null)
  expect(addresses('inventory')).toEqual(['10.0.0.1:80'])
  await control.close()
})

test('the token goes in a header only: in no line of the log, no explanation, no error', async () => {
  const token = 'zh_abcdefghijkl_0123456789012345678901234567890123456789012'
  const { control, api, clock, lines } = scene(fakeClock(), { token })
  api.next.push(
    () => reply(401, { error: { code: 'wrong_token', message: `the token ${token} is wrong`, problems: [] } }),
    () => new Error(`refused ${token}`),
  )
  void control.ready()
  await clock.advance('5s')
  expect(api.polls[0]?.authorization).toBe(`Bearer ${token}`)
  expect(lines.length).toBeGreaterThan(0)
  expect(`${lines.join()}${JSON.stringify(control.explain())}`).not.toContain('0123456789')
  expect(control.counts.failures.get('token')).toBe(1)
  await control.close()
})

test('after close nothing is asked, nothing waits and nobody is kept waiting', async () => {
  const { control, api, clock, call } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  await call('inventory')
  await control.close()
  expect(clock.pending).toBe(0)
  expect(api.isClosed).toBe(true)
  const polls = api.polls.length
  await clock.advance('5m')
  expect(api.polls).toHaveLength(polls)
})
