import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '@zerohop/mesh-core'
import { expect, test } from 'vitest'
import { ConsulCluster, whyNoConsul } from '../support/consul.ts'
import { addressesOf, callerOf, instanceOf, loadFrom } from '../support/consul-shop.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures, spread } from '../support/figures.ts'
import { Program } from '../support/program.ts'

const why = whyNoConsul()

test.skipIf(why !== '')(
  'a Consul that loses all it knew takes no endpoint away, and the alarm is raised until it knows them again',
  async () => {
    await using cluster = await ConsulCluster.start(1)
    await using first = await instanceOf(null)
    await using second = await instanceOf(null)
    const addresses = [first.server.address, second.server.address]
    for (const address of addresses) await cluster.write({ service: 'orders', address })
    const alarms: string[] = []
    const log: Log = { info: () => {}, warn: () => {}, error: (line) => void alarms.push(line) }
    const caller = callerOf(cluster, { log, holdEmptyMs: 1000 })
    await using mesh = caller.mesh
    await eventually(() => addressesOf(caller).length === 2, 'the caller has both instances')
    await using load = loadFrom([caller])
    // By then a question waits at Consul, which is lost with it.
    await eventually(() => load.done > 100, 'calls are under way')

    await cluster.killAll()
    cluster.wipe()
    await cluster.startAll()
    await eventually(
      async () => (await mesh.metrics()).includes('zerohop_discovery_held{source="consul",service="orders"} 2'),
      'the metric tells',
      // A Consul that was lost and is back between two questions is found out when the second one has waited its 30 s.
      60_000,
    )
    expect(alarms).toEqual(['consul: orders: the registry seems to have lost what it knew and lists 0 endpoints; the last 2 are kept'])
    expect(addressesOf(caller).sort()).toEqual([...addresses].sort())
    const doneAtLoss = load.done
    await eventually(() => load.done > doneAtLoss + 300, 'calls go on for longer than the grace time of an empty list')
    for (const address of addresses) await cluster.write({ service: 'orders', address })
    await eventually(
      async () => (await mesh.metrics()).includes('zerohop_discovery_held{source="consul",service="orders"} 0'),
      'the alarm ends',
    )
    await load.end()
    expect([load.failures, addressesOf(caller).length]).toEqual([[], 2])
  },
)

test.skipIf(why !== '')(
  'an instance registers when it serves, leaves before it drains, and one that is killed is gone when its time is over',
  async () => {
    await using cluster = await ConsulCluster.start(1)
    await using stays = await instanceOf(cluster)
    const caller = callerOf(cluster)
    await using _mesh = caller.mesh
    await eventually(() => addressesOf(caller).includes(stays.server.address), 'the first instance is listed')
    await using load = loadFrom([caller, caller])

    const leaves = await instanceOf(cluster)
    const servesAt = performance.now()
    await eventually(() => addressesOf(caller).includes(leaves.server.address), 'the second instance is listed')
    const listedMs = performance.now() - servesAt
    const leavesAt = performance.now()
    const closed = leaves.mesh.close({ graceMs: 5000 })
    await eventually(() => !addressesOf(caller).includes(leaves.server.address), 'the second instance has left')
    const leftMs = performance.now() - leavesAt
    await closed

    await using dies = new Program('consul-service', { settings: { consul: cluster.addresses, ttlMs: 2000 } })
    const { address } = await dies.hear<{ address: string }>('up')
    await eventually(() => addressesOf(caller).includes(address), 'the third instance is listed')
    await dies.kill()
    const diedAt = performance.now()
    await eventually(() => !addressesOf(caller).includes(address), 'the third instance is gone')
    const goneMs = performance.now() - diedAt
    await load.end()
    printFigures('Consul registration', {
      'listed after': `${listedMs.toFixed(0)} ms`,
      'left after': `${leftMs.toFixed(0)} ms`,
      'gone after SIGKILL with a TTL of 2 s': `${goneMs.toFixed(0)} ms`,
      calls: load.done,
      failed: load.failures.length,
    })
    expect(load.failures).toEqual([])
    expect(goneMs).toBeLessThan(4000)
  },
)

test.skipIf(why !== '')('a change in Consul is an event of every caller within milliseconds, and a burst of changes is few', async () => {
  await using cluster = await ConsulCluster.start(1)
  const caller = callerOf(cluster)
  await using _mesh = caller.mesh
  await cluster.write({ service: 'orders', address: '127.0.0.1:1001', meta: { version: 'v1' } })
  await eventually(() => addressesOf(caller).length === 1, 'the first address is known')
  const watch = caller.discovery.watch('orders')
  const delays: number[] = []
  for (let port = 1002; port < 1022; port++) {
    const { promise, resolve } = Promise.withResolvers<number>()
    const stop = watch?.subscribe((list) => {
      if (list.some(({ address }) => address.endsWith(`:${port}`))) resolve(performance.now())
    })
    const asked = cluster.write({ service: 'orders', address: `127.0.0.1:${port}` }).then(() => performance.now())
    const [heardAt, writtenAt] = await Promise.all([promise, asked])
    stop?.()
    delays.push(Math.max(0, heardAt - writtenAt))
    // Past the time within which changes are taken together.
    await eventually(() => performance.now() > heardAt + 150, 'the next change is one of its own')
  }
  let events = 0
  const stop = watch?.subscribe(() => events++)
  await Promise.all(Array.from({ length: 50 }, (_, n) => cluster.write({ service: 'orders', address: `127.0.0.1:${2001 + n}` })))
  await eventually(() => addressesOf(caller).length === 71, 'the burst is known')
  stop?.()
  printFigures('Consul change to event', { alone: spread(delays, 'ms'), 'events of a burst of 50': events })
  expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(100)
  expect(events).toBeLessThan(15)
})

test.skipIf(why !== '')('a program that follows Consul and is registered there ends by itself when its work is done', async () => {
  await using cluster = await ConsulCluster.start(1)
  await using program = new Program('follows-consul', { settings: { consul: cluster.addresses } })
  expect(await Promise.race([program.ended, pause(10_000, 'still alive', { ref: false })])).toBe(0)
})
