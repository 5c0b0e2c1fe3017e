/** Makes calls through one mesh over sockets, and weighs the heap on the way; needs --expose-gc. */
import { createMesh } from '@zerohop/mesh-core'
import { staticEndpoints } from '@zerohop/mesh-discovery'
import { meshFetch } from '@zerohop/mesh-http'
import { inLanes } from '../lanes.ts'
import { quietLog } from '../quiet-log.ts'
import { heapBytes } from './heap.ts'
import { settingsOf, tell } from './with-parent.ts'

/** What is called, and how often. */
export interface MillionSettings {
  readonly addresses: readonly string[]
  readonly calls: number
  /** Calls before the first weighing: what is compiled and pooled once is there by then. */
  readonly warmUp: number
  readonly weighings: number
}

/** What was seen. */
export interface MillionSeen {
  readonly failed: number
  readonly heaps: readonly number[]
  /** Lines of the metrics page after the warm-up, and at the end. */
  readonly series: readonly [number, number]
  readonly resources: readonly [number, number]
  readonly tookMs: number
}

const { addresses, calls, warmUp, weighings } = settingsOf<MillionSettings>()
const mesh = createMesh({
  service: 'caller',
  log: quietLog,
  discovery: staticEndpoints({ target: addresses }),
  policy: {
    service: 'target',
    timeout: '20s',
    attemptTimeout: '15s',
    retry: { attempts: 3 },
    breaker: { consecutiveFailures: 1000, successRate: { below: 0.5 } },
    outlier: { consecutiveFailures: 1000, successRate: { below: 0.5 } },
    limit: { outbound: { inFlight: 1000, queue: 100 } },
    rateLimit: { outbound: { perSecond: 1_000_000 } },
  },
})
const fetch = meshFetch(mesh)
let failed = 0

async function make(count: number): Promise<void> {
  await inLanes(count, 64, async (n) => {
    try {
      const init = n % 8 === 0 ? { method: 'POST', body: '{"order":42}', headers: { 'content-type': 'application/json' } } : undefined
      const response = await fetch('http://target/things/42', init)
      // One in a hundred is left unread, as careless callers do.
      if (n % 100 === 99) await response.body?.cancel()
      else await response.json()
    } catch {
      failed++
    }
  })
}

const seriesOf = async (): Promise<number> => (await mesh.metrics()).split('\n').length
const resources = (): number => process.getActiveResourcesInfo().length

const startedAt = performance.now()
await make(warmUp)
const heaps = [await heapBytes()]
const before = [await seriesOf(), resources()] as const
for (let weighing = 0; weighing < weighings; weighing++) {
  await make((calls - warmUp) / weighings)
  heaps.push(await heapBytes())
}
const seen: MillionSeen = {
  failed,
  heaps,
  series: [before[0], await seriesOf()],
  resources: [before[1], resources()],
  tookMs: performance.now() - startedAt,
}
await tell('seen', seen)
await mesh.close()
