import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Clients, ControlStage } from '../support/control-stage.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import type { ClientTold } from '../support/programs/control-clients.ts'

// The longest pause of a client between two tries.
const backoffCapMs = 15_000

async function only(clients: Clients): Promise<ClientTold> {
  return (await clients.holds()).meshes[0] as ClientTold
}

/** Two instances of `orders`, a caller of it, and what is in force there. */
async function shopOn(stage: ControlStage): Promise<{ orders: readonly Clients[]; shop: Clients; lastGood: string }> {
  await stage.admit('orders')
  await stage.admit('shop')
  const orders = await Promise.all(
    ['orders-1', 'orders-2'].map((name) => stage.clients({ service: 'orders', instances: [name], uses: [], serves: 'v1' })),
  )
  await stage.control.write('orders', { timeout: 3210 })
  const lastGood = join(stage.directory, 'last-good')
  const shop = await stage.clients({ service: 'shop', instances: ['shop-1'], uses: ['orders'], calls: 'orders', lastGood })
  await eventually(async () => {
    const { services } = await only(shop)
    return services.orders?.timeoutMs === 3210 && services.orders.endpoints === 2
  }, 'the shop has its policy and endpoints')
  return { orders, shop, lastGood }
}

test('while the control API is away traffic goes on unchanged, a restarted instance begins with its last good document, and all is in sync when it is back', async () => {
  await using stage = await ControlStage.start()
  const { control } = stage
  const { shop, lastGood } = await shopOn(stage)
  await eventually(() => existsSync(join(lastGood, 'shop.last-good')), 'the last good document is kept')
  const before = await only(shop)
  await control.kill()
  const killedAt = performance.now()
  await eventually(async () => (await only(shop)).state === 'lost', 'the shop knows that it is out of contact')
  const second = await stage.clients({ service: 'shop', instances: ['shop-2'], uses: ['orders'], calls: 'orders', lastGood })
  const restarted = await only(second)
  expect(restarted).toMatchObject({ source: 'last-good', revision: before.revision, services: before.services })
  const callsAt = async (clients: Clients): Promise<number> => (await clients.holds()).calls.done
  const [firstDone, secondDone] = [await callsAt(shop), await callsAt(second)]
  await eventually(async () => (await callsAt(shop)) > firstDone + 1000 && (await callsAt(second)) > secondDone + 1000, 'calls go on')
  // Longer than a client's first tries, so that it has to come back out of its back-off.
  await pause(Math.max(0, 4000 - (performance.now() - killedAt)))
  expect(await only(shop)).toMatchObject({ services: before.services, version: before.version })
  expect((await shop.holds()).metrics).toMatch(/^zerohop_control_connected(?:{[^}]*})? 0$/m)

  await control.start()
  const backAt = performance.now()
  const awayMs = backAt - killedAt
  await control.write('orders', { timeout: 4321 })
  const inSync = async (): Promise<boolean> => {
    const told = await Promise.all([only(shop), only(second)])
    const holds = told.every(({ services, state }) => services.orders?.timeoutMs === 4321 && state === 'connected')
    // Applied is what a poll after the one that brought it says.
    return holds && (await stage.instances()).filter(({ service, current }) => service === 'shop' && current).length === 2
  }
  await eventually(inSync, 'both are in sync again, and the control API knows', backoffCapMs + 5000)
  const syncMs = performance.now() - backAt
  const { body: status } = await control.must('GET', '/v1/status')
  expect(status.services).toMatchObject([{ service: 'orders', leased: 2, listed: 2 }])
  const calls = await Promise.all([shop, second].map(async (clients) => (await clients.holds()).calls))
  printFigures('control API away', {
    'away for': `${(awayMs / 1000).toFixed(1)} s`,
    'in sync after': `${(syncMs / 1000).toFixed(1)} s`,
    calls: calls[0]!.done + calls[1]!.done,
    failed: calls.flatMap(({ failures }) => failures).length,
  })
  expect(calls.flatMap(({ failures }) => failures)).toEqual([])
  // Half the time that it was away is the longest pause that the clients have grown to by then.
  expect(syncMs).toBeLessThan(backoffCapMs)
}, 90_000)

test('a control API that has lost its data is a new one: endpoints stay until they have registered again, policies until one is written', async () => {
  await using stage = await ControlStage.start()
  const { control } = stage
  const { orders, shop } = await shopOn(stage)
  const before = await only(shop)
  await control.kill()
  control.loseData()
  await control.start()
  const backAt = performance.now()
  // The tokens went with the data.
  await eventually(async () => (await only(shop)).problems.some((problem) => problem.includes('wrong_token')), 'the shop is told why')
  expect((await shop.holds()).metrics).toMatch(/^zerohop_control_failures_total{reason="token"[^}]*} [1-9]/m)
  // The caller comes back first, and finds a registry that knows nobody yet; then one that knows one of two.
  await stage.admit('shop')
  const holdsOn = async (): Promise<ClientTold> => {
    const told = await only(shop)
    expect(told.services).toEqual(before.services)
    return told
  }
  await eventually(async () => (await holdsOn()).state === 'connected', 'the shop polls', backoffCapMs * 2)
  await stage.admit('orders')
  const leased = async (): Promise<number> => {
    await holdsOn()
    return (await control.must('GET', '/v1/status')).body.services[0]?.leased ?? 0
  }
  await eventually(async () => (await leased()) === 2, 'the instances have registered again', backoffCapMs * 2)
  const syncMs = performance.now() - backAt
  const emptied = await only(shop)
  expect(emptied.version.split('.')[0]).not.toBe(before.version.split('.')[0])
  expect(emptied.problems).toEqual([expect.stringContaining('stay until one is written')])
  expect((await shop.holds()).metrics).toMatch(/^zerohop_control_refused_total{reason="empty_store"[^}]*} 1$/m)
  const refusals = (await stage.instances()).find(({ instance }) => instance === 'shop-1')?.refused
  expect(refusals?.reason).toContain('stay until one is written')

  await control.write('orders', { timeout: 5432 })
  await eventually(async () => (await only(shop)).services.orders?.timeoutMs === 5432, 'the new life has its first policy')
  const { services, problems } = await only(shop)
  expect(services.orders).toMatchObject({ endpoints: 2, hash: before.services.orders?.hash })
  expect(problems).toEqual([])
  const allConnected = async (): Promise<boolean> => (await Promise.all(orders.map(only))).every(({ state }) => state === 'connected')
  await eventually(allConnected, 'the instances poll', backoffCapMs * 2)
  const { calls } = await shop.holds()
  printFigures('control API without its data', { 'in sync after': `${(syncMs / 1000).toFixed(1)} s`, calls: calls.done })
  expect(calls.failures).toEqual([])
}, 90_000)
