import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { printFigures } from '../support/figures.ts'
import { Program } from '../support/program.ts'
import type { ComeAndGoSeen, ComeAndGoSettings } from '../support/programs/endpoints-come-and-go.ts'

const mebibyte = 1_048_576

// Only Linux answers on all of 127.0.0.0/8 without being asked to.
test.skipIf(process.platform !== 'linux')('10,000 endpoints come and go, and nothing of them stays', async () => {
  const reached = new Set<string>()
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    reached.add(request.socket.localAddress as string)
    response.end('{}')
  })
  let open = 0
  server.on('connection', (socket) => {
    open++
    socket.on('close', () => open--)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '0.0.0.0', resolve)
  })
  const settings: ComeAndGoSettings = {
    port: (server.address() as AddressInfo).port,
    waves: 20,
    endpointsPerWave: 500,
    servicesPerWave: 50,
  }
  await using caller = new Program('endpoints-come-and-go', { settings, execArgv: ['--expose-gc'] })
  const seen = await caller.hear<ComeAndGoSeen>('seen')
  const [before, after] = seen.heaps
  printFigures(`${seen.endpoints} endpoints come and go`, {
    'called at least once': reached.size - 1,
    calls: seen.calls,
    failed: seen.failures.length,
    'heap after 2,000': `${(before / mebibyte).toFixed(2)} MiB`,
    'after all': `${(after / mebibyte).toFixed(2)} MiB`,
    'open files more than at first': seen.openFiles.join(' '),
    'series before and after': seen.series.join(' '),
  })
  expect(seen.failures).toEqual([])
  expect(reached.size).toBeGreaterThan(seen.endpoints)
  expect(after - before).toBeLessThan(mebibyte)
  expect(seen.series[1]).toBe(seen.series[0])
  expect(seen.page).toContain('zerohop_endpoints{service="target",state="in"} 1\n')
  expect(seen.page).not.toMatch(/127\.1\.|visitor/)
  // The other side agrees that they have gone.
  expect(await caller.ended).toBe(0)
  await eventually(() => open === 0, 'no connection is left')
  server.close()
})
