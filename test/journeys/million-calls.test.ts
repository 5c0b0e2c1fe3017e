import { expect, test } from 'vitest'
import { printFigures } from '../support/figures.ts'
import { Program } from '../support/program.ts'
import type { MillionSeen, MillionSettings } from '../support/programs/million-calls.ts'

const mebibyte = 1_048_576

test('a million calls leave nothing behind', async () => {
  await using server = new Program('plain-server')
  const { ports } = await server.hear<{ ports: number[] }>('up')
  const settings: MillionSettings = {
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    calls: 1_000_000,
    warmUp: 100_000,
    weighings: 3,
  }
  await using caller = new Program('million-calls', { settings, execArgv: ['--expose-gc'] })
  const seen = await caller.hear<MillionSeen>('seen')
  const first = seen.heaps[0] as number
  const last = seen.heaps.at(-1) as number
  printFigures('1,000,000 calls through one mesh, over sockets', {
    'heap after 100,000': `${(first / mebibyte).toFixed(2)} MiB`,
    'at the end': `${(last / mebibyte).toFixed(2)} MiB`,
    between: seen.heaps.map((heap) => (heap / mebibyte).toFixed(2)).join(' '),
    failed: seen.failed,
    'series before and after': seen.series.join(' '),
    'us a call, wall': (seen.tookMs * 1000) / settings.calls,
  })
  expect(seen.failed).toBe(0)
  expect(last - first).toBeLessThan(mebibyte)
  expect(seen.series[1]).toBe(seen.series[0])
  expect(seen.resources[1]).toBeLessThanOrEqual(seen.resources[0] + 64)
  expect(await caller.ended).toBe(0)
}, 240_000)
