import { createMesh } from '@zerohop/mesh-core'
import { fileEndpoints } from '@zerohop/mesh-discovery'
import { type MeshFetch, meshFetch } from '@zerohop/mesh-http'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { Fleet } from '../support/fleet.ts'
import { SteadyLoad } from '../support/lanes.ts'
import { quietLog } from '../support/quiet-log.ts'

/** Reads, each to its end; a status that is not 200 is a failure. */
function reads(fetch: MeshFetch): SteadyLoad {
  return new SteadyLoad(8, async () => {
    const response = await fetch('http://orders/stock')
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    await response.json()
  })
}

test('a rolling restart costs no read and no order', async () => {
  await using fleet = new Fleet()
  let members = await Promise.all([fleet.start(), fleet.start(), fleet.start()])
  fleet.list(members)
  await using mesh = createMesh({ service: 'shopper', log: quietLog, discovery: fileEndpoints(fleet.endpointsFile, { log: quietLog }) })
  const fetch = meshFetch(mesh)
  await using reading = reads(fetch)
  let ordered = 0
  await using ordering = new SteadyLoad(8, async (n) => {
    const response = await fetch('http://orders/orders', { method: 'POST', headers: { 'x-id': `order-${n}` }, body: 'x'.repeat(n % 500) })
    if (response.status !== 200) throw new Error(`order-${n}: status ${response.status}`)
    await response.json()
    ordered++
  })
  await eventually(() => reading.done > 500 && ordering.done > 500, 'the load runs')
  for (let turn = 0; turn < 6; turn++) {
    const [leaving, ...staying] = members
    const coming = await fleet.start()
    fleet.list([...members, coming])
    await eventually(() => mesh.explain('orders').services[0]?.endpoints.length === 4, 'the new instance is known')
    // Told to leave in the moment in which it is taken off the list: callers learn of it later, from the file and from the instance itself.
    members = [...staying, coming]
    fleet.list(members)
    leaving?.program.child.kill('SIGTERM')
    expect(await leaving?.program.ended).toBe(0)
    await eventually(() => mesh.explain('orders').services[0]?.endpoints.length === 3, 'the old instance is forgotten')
  }
  const before = reading.done
  await eventually(() => reading.done > before + 500, 'the load goes on')
  await Promise.all([reading.end(), ordering.end()])
  const executed = fleet.executed()
  printFigures('six restarts of three instances', {
    reads: reading.done,
    'reads failed': reading.failures.length,
    orders: ordered,
    'orders failed': ordering.failures.length,
    'orders executed twice': executed.length - new Set(executed).size,
  })
  expect(reading.failures).toEqual([])
  expect(ordering.failures).toEqual([])
  expect(executed.length).toBe(ordered)
  expect(new Set(executed).size).toBe(ordered)
})

test('the sudden death of one instance of three costs no read', async () => {
  await using fleet = new Fleet()
  const members = await Promise.all([fleet.start(), fleet.start(), fleet.start()])
  fleet.list(members)
  await using mesh = createMesh({
    service: 'shopper',
    log: quietLog,
    discovery: fileEndpoints(fleet.endpointsFile, { log: quietLog }),
    policy: { outlier: { consecutiveFailures: 3 } },
  })
  await using reading = reads(meshFetch(mesh))
  await eventually(() => reading.done > 500, 'the load runs')
  // It stays listed: nothing but the calls themselves tells of its death.
  await members[0].program.kill()
  const before = reading.done
  await eventually(() => reading.done > before + 3000, 'the load goes on')
  await reading.end()
  const retries = /zerohop_call_retries_total\{[^}]*service="orders"[^}]*\} (\d+)/.exec(await mesh.metrics())?.[1]
  printFigures('SIGKILL of one instance of three', { reads: reading.done, failed: reading.failures.length, retries })
  expect(reading.failures).toEqual([])
  expect(Number(retries)).toBeGreaterThan(0)
})
