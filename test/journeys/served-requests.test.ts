import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { expect, test } from 'vitest'
import { printFigures } from '../support/figures.ts'
import { inLanes } from '../support/lanes.ts'
import { Program } from '../support/program.ts'
import type { OldGenerationSeen } from '../support/programs/http-service.ts'
import { quietLog } from '../support/quiet-log.ts'

const mebibyte = 1_048_576
const requests = 60_000

test.each([
  ['answered', {}, 200],
  ['refused', { access: { deny: [{ paths: ['/a'] }] } }, 403],
])(
  'what a server has %s goes with the next small collection, and does not wait in memory for a full one',
  async (what, settings, status) => {
    await using service = new Program('http-service', { settings })
    const { address } = await service.hear<{ address: string }>('up')
    await using mesh = createMesh({ service: 'caller', log: quietLog, discovery: staticEndpoints({ target: [address] }) })
    const fetch = meshFetch(mesh)
    await inLanes(requests, 50, async (n) => {
      const response = n % 2 === 0 ? await fetch('http://target/a') : await fetch('http://target/a', { method: 'POST', body: 'order' })
      await response.text()
      expect(response.status).toBe(status)
    })
    const seen = await service.ask<OldGenerationSeen>('old generation')
    printFigures(`a server that has ${what} ${requests} requests`, {
      'old generation at least': `${(seen.least / mebibyte).toFixed(1)} MiB`,
      'at most': `${(seen.most / mebibyte).toFixed(1)} MiB`,
      'full collections': seen.fullCollections,
    })
    // Code and what it has learnt come to some; a request that stays is 5 kB, and 60,000 of them are collected at 90 MiB.
    expect(seen.most - seen.least).toBeLessThan(20 * mebibyte)
  },
  60_000,
)
