/** The control API that `bench control` measures, in a process of its own: on a real store, and telling its memory when it is asked. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createControlApi } from '@zerohop/control-api'

/** Where it listens, what an admin shows, and the roots by which it is believed; null in plaintext. */
export interface ServerStarted {
  readonly port: number
  readonly token: string
  readonly ca: string | null
}

/** What the process says of its memory after a collection. */
export interface ServerMemory {
  readonly rss: number
  readonly heap: number
}

const data = mkdtempSync(join(tmpdir(), 'zerohop-bench-'))
const tls = process.argv.includes('--tls') ? 'on' : 'off'
const control = await createControlApi({ data, host: '0.0.0.0', port: 0, lease: 3_600_000, maxConnections: 100_000, tls })
const { port } = await control.listen()

process.on('message', async () => {
  // Twice, a turn apart: what the first collection finalises is freed by the second.
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 200))
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  process.send?.({ rss, heap: heapUsed } satisfies ServerMemory)
})
process.on('disconnect', async () => {
  await control.close({ graceMs: 0 })
  rmSync(data, { recursive: true })
  process.exit()
})
process.send?.({ port, token: control.freshAdminToken ?? '', ca: control.roots?.pem.join('') ?? null } satisfies ServerStarted)
