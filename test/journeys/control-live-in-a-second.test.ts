import { expect, test } from 'vitest'
import { ControlStage } from '../support/control-stage.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures, spread } from '../support/figures.ts'

const processes = 5
const rounds = 8
const limitMs = 1000

test('a policy is in force in every process within a second after it was written, and so is the way back', async () => {
  await using stage = await ControlStage.start()
  const { control } = stage
  await stage.admit('orders')
  await stage.admit('shop')
  await stage.clients({ service: 'orders', instances: ['orders-1'], uses: [], serves: 'v1' })
  const before = await control.write('orders', { timeout: 3000 })
  const shops = await Promise.all(
    Array.from({ length: processes }, (_, n) =>
      stage.clients({ service: 'shop', instances: [`shop-${n}`], uses: ['orders'], calls: 'orders' }),
    ),
  )
  const holdsEverywhere = async (timeoutMs: number): Promise<boolean> => {
    const told = await Promise.all(shops.map((shop) => shop.holds()))
    return told.every(({ meshes }) => meshes.every(({ services }) => services.orders?.timeoutMs === timeoutMs))
  }
  await eventually(() => holdsEverywhere(3000), 'the first policy holds')

  /** From the moment at which the write is sent to the one at which the last process explains that it holds. */
  const timed = async (write: () => Promise<unknown>, timeoutMs: number): Promise<number> => {
    const startedAt = performance.now()
    await write()
    await eventually(() => holdsEverywhere(timeoutMs), `${timeoutMs} ms hold everywhere`)
    return performance.now() - startedAt
  }
  const pushed: number[] = []
  const taken: number[] = []
  for (let round = 0; round < rounds; round++) {
    pushed.push(await timed(() => control.must('PUT', '/v1/policies/orders', { body: { timeout: 4000 + round } }), 4000 + round))
    const rollback = (): Promise<unknown> => control.must('POST', '/v1/policies:rollback', { body: { revision: before } })
    taken.push(await timed(rollback, 3000))
  }
  const calls = (await Promise.all(shops.map((shop) => shop.holds()))).map((told) => told.calls)
  printFigures(`a policy live in ${processes} processes`, { pushed: spread(pushed, 'ms'), 'rolled back': spread(taken, 'ms') })
  expect(Math.max(...pushed, ...taken)).toBeLessThan(limitMs)
  expect(calls.flatMap(({ failures }) => failures)).toEqual([])
  expect(calls.every(({ done }) => done > 100)).toBe(true)
  const applied = await stage.instances()
  expect(applied.filter(({ service }) => service === 'shop')).toHaveLength(processes)
}, 60_000)

test('a policy that sends calls to a version that nobody runs is refused with its field, and nothing changes', async () => {
  await using stage = await ControlStage.start()
  const { control } = stage
  await stage.admit('orders')
  const orders = await stage.clients({ service: 'orders', instances: ['orders-1'], uses: [], serves: 'v1' })
  const canary = { versions: { v1: { labels: { version: 'v1' } }, v2: { labels: { version: 'v2' } } }, to: [{ version: 'v2' }] }
  await eventually(async () => (await control.must('GET', '/v1/status')).body.services[0]?.leased === 1, 'orders is registered')
  const refused = await control.ask('PUT', '/v1/policies/orders', { body: canary })
  expect([refused.status, refused.body.error.code]).toEqual([422, 'unknown_reference'])
  expect(refused.body.error.problems).toEqual([{ path: expect.stringContaining('orders.'), message: expect.stringContaining('v2') }])
  expect((await control.must('GET', '/v1/policies')).body.revision).toBe(0)
  // Insisting is possible, and is recorded.
  expect((await control.ask('PUT', '/v1/policies/orders?force=true', { body: canary })).status).toBe(201)
  expect((await control.must('GET', '/v1/history')).body.revisions[0]).toMatchObject({ revision: 1, forced: true })
  await eventually(async () => (await orders.holds()).meshes[0]?.revision === 1, 'it is live')
  const { warnings } = (await control.must('GET', '/v1/status')).body
  expect(warnings).toMatchObject([{ code: 'lost_version', service: 'orders', message: expect.stringContaining('v2') }])
}, 60_000)
