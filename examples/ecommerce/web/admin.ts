/** The pages by which an operator, and the demo, look into a running service: on a port of their own, which no caller of the service needs. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Explanation, Mesh } from '@zerohop/mesh-core'
import { type Pages, router } from './router.ts'

/** A move of a breaker in this process. */
export interface BreakerMove {
  readonly service: string
  readonly state: string
  readonly reason: string
}

/** What `GET /_mesh` answers. */
export interface MeshPage {
  readonly pid: number
  readonly service: string
  readonly explanation: Explanation
  /** The last moves of breakers in this process, oldest first. */
  readonly breakerMoves: readonly BreakerMove[]
}

const movesKept = 50

/**
 * Serves `GET /_mesh`: what holds in this process and why, `GET /_metrics`: Prometheus' text format, and the pages given; says where. On
 * loopback only and past the mesh, so that it answers whatever the mesh refuses. It does not keep the process alive.
 */
export async function serveAdmin(mesh: Mesh, pages: Pages = {}): Promise<void> {
  const server = createServer(router({ ...meshPages(mesh), ...pages }))
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await promise
  server.unref()
  console.log(`admin on 127.0.0.1:${(server.address() as AddressInfo).port}`)
}

function meshPages(mesh: Mesh): Pages {
  const breakerMoves: BreakerMove[] = []
  mesh.on('breaker', ({ service, state, reason }) => {
    breakerMoves.push({ service, state, reason })
    if (breakerMoves.length > movesKept) breakerMoves.shift()
  })
  return {
    'GET /_mesh': (): { body: MeshPage } => ({
      body: { pid: process.pid, service: mesh.service, explanation: mesh.explain(), breakerMoves },
    }),
    'GET /_metrics': async () => ({ body: await mesh.metrics() }),
  }
}
