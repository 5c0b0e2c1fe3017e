import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ConsulCluster, whyNoConsul } from '../support/consul.ts'
import { addressesOf, type Caller, callerOf, instanceOf, loadFrom } from '../support/consul-shop.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'

const why = whyNoConsul()

/** Lists one more instance, and waits until every caller has it; milliseconds from `since`. */
async function inSync(
  cluster: ConsulCluster,
  callers: readonly Caller[],
  { address, since }: { address: string; since: number },
): Promise<number> {
  await cluster.write({ service: 'orders', address })
  await eventually(() => callers.every((caller) => addressesOf(caller).includes(address)), `every caller has ${address}`)
  return performance.now() - since
}

test.skipIf(why !== '')(
  'a cluster of three loses a server, then its leader, then all of them: no call fails, and every caller is in sync within 5 s of recovery',
  async () => {
    await using cluster = await ConsulCluster.start(3)
    await using stack = new AsyncDisposableStack()
    const serve = async (listed: boolean): Promise<string> => stack.use(await instanceOf(listed ? cluster : null)).server.address
    const registered = await Promise.all([serve(true), serve(true), serve(true)])
    const late = await Promise.all([serve(false), serve(false), serve(false)])
    const callers = Array.from({ length: 5 }, () => callerOf(cluster))
    for (const { mesh } of callers) stack.defer(() => mesh.close({ graceMs: 2000 }))
    await eventually(
      () => callers.every((caller) => registered.every((address) => addressesOf(caller).includes(address))),
      'every caller has the three instances',
    )
    await using load = loadFrom(callers)

    await cluster.killFollower()
    const afterFollower = await inSync(cluster, callers, { address: late[0] as string, since: performance.now() })
    await cluster.startAll()
    const afterLeader = await inSync(cluster, callers, { address: late[1] as string, since: await cluster.killLeader() })
    await cluster.startAll()

    await cluster.killAll()
    const doneBefore = load.done
    await pause(3000)
    const doneWhileAway = load.done - doneBefore
    await cluster.startAll()
    const afterAll = await inSync(cluster, callers, { address: late[2] as string, since: performance.now() })
    // The instances' own entries have been renewed since.
    await eventually(
      () => callers.every((caller) => [...registered, ...late].every((address) => addressesOf(caller).includes(address))),
      'every caller has all six instances',
    )
    await load.end()
    printFigures('Consul cluster of three', {
      'in sync after the follower died': `${afterFollower.toFixed(0)} ms`,
      'after the leader died': `${afterLeader.toFixed(0)} ms`,
      'after all were away for 3 s': `${afterAll.toFixed(0)} ms`,
      calls: load.done,
      'while all were away': doneWhileAway,
      failed: load.failures.length,
    })
    expect(load.failures).toEqual([])
    expect(doneWhileAway).toBeGreaterThan(50)
    expect(Math.max(afterFollower, afterLeader, afterAll)).toBeLessThan(5000)
  },
)
