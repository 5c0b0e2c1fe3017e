/** The pages by which an operator, and the demo, look into a running service. */
import type { Explanation, Mesh } from '@zerohop/mesh-core'
import type { Pages } from './router.ts'

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

/** `GET /_mesh`: what holds in this process and why. `GET /_metrics`: Prometheus' text format. */
export function adminPages(mesh: Mesh): Pages {
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
