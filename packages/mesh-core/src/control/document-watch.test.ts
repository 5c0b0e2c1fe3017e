import { expect, test } from 'vitest'
import { fakeClock } from '../testing/fake-clock.ts'
import { scene } from './scene-under-test.ts'

test('an index that goes back is no document to go on from: everything is asked for anew, and then believed', async () => {
  const { control, api, clock, addresses, call } = scene(fakeClock())
  api.putEndpoints('inventory', '10.0.0.1:80')
  api.putEndpoints('inventory', '10.0.0.2:80')
  await call('inventory')
  const before = api.polls.length
  api.index -= 2
  api.next.push(() => api.answer({ ...(api.polls.at(-1) as (typeof api.polls)[0]), after: null }, 'cart', true))
  api.putEndpoints('inventory', '10.0.0.3:80')
  api.putPolicy('defaults', { timeout: '1s' })
  api.index -= 2
  await clock.advance('60s')
  expect(api.polls.slice(before).some(({ after }) => after === null)).toBe(true)
  expect(addresses('inventory')).toEqual(['10.0.0.3:80'])
  expect(control.explain()).toMatchObject({ state: 'connected', version: api.version })
  await control.close()
})
