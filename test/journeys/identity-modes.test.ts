import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ControlProcess } from '../support/control-process.ts'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { SteadyLoad } from '../support/lanes.ts'
import { metricIn } from '../support/metric-in.ts'
import { SecuredMember } from '../support/secured-member.ts'

type Mode = 'disabled' | 'permissive' | 'strict'

// From one mode to the next one, as they are turned on and off in operation.
const walk: readonly Mode[] = ['permissive', 'strict', 'permissive', 'disabled', 'permissive', 'strict']
const callsInEach = 150

/** Somebody from before the mesh asks, on a connection of its own. Resolves to the status. */
async function askPlainly(port: number): Promise<number> {
  const asked = request({ host: '127.0.0.1', port, agent: false }).end()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  asked.on('response', (response) => text(response).then(() => resolve(response.statusCode ?? 0), reject)).on('error', reject)
  return promise
}

test('a service goes from plaintext to mutual TLS only, and back, under load without an error, and who still comes in plaintext is counted by name', async () => {
  await using control = await ControlProcess.start('--tls', 'on')
  await control.write('stock', { access: { mtls: 'disabled' } })
  const seen = { secured: 0, plain: 0 }
  const stock = await Promise.all(
    [1, 2].map(async (n) =>
      SecuredMember.start({
        service: 'stock',
        instance: `stock-${n}`,
        control: control.url,
        token: await control.tokenFor('stock'),
        app: (asked, response) => {
          seen['encrypted' in asked.socket ? 'secured' : 'plain']++
          response.end('stocked')
        },
      }),
    ),
  )
  await using first = stock[0] as SecuredMember
  await using second = stock[1] as SecuredMember
  await using shop = await SecuredMember.start({
    service: 'shop',
    control: control.url,
    token: await control.tokenFor('shop'),
    serves: false,
  })
  await using load = new SteadyLoad(4, async () => {
    await shop.call('stock')
    await pause(2)
  })
  const page = async (): Promise<string> => `${await first.mesh.metrics()}${await second.mesh.metrics()}`
  const lines: string[] = []
  let mode: Mode = 'disabled'
  for (const next of walk) {
    const done = load.done
    await eventually(() => load.done > done + callsInEach || load.failures.length > 0, 'calls go on')
    await control.write('stock', { access: { mtls: next } })
    const takesMtls = (): boolean =>
      shop.mesh.explain('stock').services[0]?.endpoints.every(({ labels }) => labels['zerohop-tls'] === 'mtls') === true
    const holds = (): boolean => [shop, ...stock].every(({ mesh }) => mesh.explain('stock').services[0]?.policy.access.mtls === next)
    await eventually(() => holds() && takesMtls() === (next !== 'disabled'), `${next} holds everywhere`)
    const holdsAt = performance.now()
    const wanted = next === 'disabled' ? 'plain' : 'secured'
    const other = next === 'disabled' ? 'secured' : 'plain'
    // Connections from before give way while they are in use.
    let still = seen[other]
    let from = seen[wanted]
    await eventually(() => {
      if (seen[other] > still) [still, from] = [seen[other], seen[wanted]]
      return seen[wanted] > from + callsInEach || load.failures.length > 0
    }, `all calls are ${wanted} under ${next}`)
    lines.push(`${mode} → ${next} in ${(performance.now() - holdsAt).toFixed(0)} ms`)
    const { plain } = seen
    const statuses = [await askPlainly(first.port), await askPlainly(second.port)]
    expect(statuses).toEqual(next === 'strict' ? [403, 403] : [200, 200])
    if (next !== 'disabled') expect(seen.plain - plain).toBe(next === 'permissive' ? 2 : 0)
    mode = next
  }
  await load.end()
  const counted = {
    plain: metricIn(await page(), 'zerohop_plaintext_calls_total'),
    refused: metricIn(await page(), 'zerohop_access_refused_total'),
  }
  printFigures('modes of mutual TLS', { calls: load.done, failed: load.failures.length, walk: lines.join(', '), ...counted })
  expect(load.failures).toEqual([])
  expect(metricIn(await page(), 'zerohop_access_refused_total', 'reason="mtls_required"')).toBe(2 * 2)
  const { visitors } = first.mesh.explain()
  expect(visitors.plaintext.map(({ caller }) => caller)).toContain('127.0.0.1')
  expect(visitors.refused).toMatchObject([{ caller: '127.0.0.1', reason: 'mtls_required', calls: 2 }])
}, 90_000)
