/** A service over HTTP that answers at once, and says how much its old generation has held between collections of all of the heap. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import { createMesh } from '@zerohop/mesh-core'
import { serveHttp } from '@zerohop/mesh-http'
import { quietLog } from '../quiet-log.ts'
import { answers, settingsOf, tell } from './with-parent.ts'

/** What the old generation was seen to hold, in bytes. */
export interface OldGenerationSeen {
  readonly least: number
  readonly most: number
  /** Collections of all of the heap. */
  readonly fullCollections: number
}

let [least, most, fullCollections] = [Number.POSITIVE_INFINITY, 0, 0]

// Told of each collection, soon after it.
new PerformanceObserver((list) => {
  fullCollections += list.getEntries().filter(isFull).length
  const held = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? Number.NaN
  least = Math.min(least, held)
  most = Math.max(most, held)
}).observe({ entryTypes: ['gc'] })

function isFull(entry: PerformanceEntry): boolean {
  return (entry as PerformanceEntry & { detail: { kind: number } }).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

const { access } = settingsOf<{ access?: object }>()
const mesh = createMesh({ service: 'target', log: quietLog, policy: { service: 'target', ...(access === undefined ? {} : { access }) } })
const server = await serveHttp(
  mesh,
  (request, response) => {
    request.resume().once('end', () => response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(200)))
  },
  { port: 0, host: '127.0.0.1' },
)
answers('old generation', (): OldGenerationSeen => ({ least, most, fullCollections }))
await tell('up', { address: server.address })
