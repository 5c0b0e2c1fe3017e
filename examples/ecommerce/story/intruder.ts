/** Somebody who got hold of a service's token, and joins the mesh with it from a process of his own: this one. */
import { createMesh, type Mesh } from '@zerohop/mesh-core'
import { until } from '../run/until.ts'
import type { Stage } from './stage.ts'

const joinedWithinMs = 15_000
const silent = { info: () => {}, warn: () => {}, error: () => {} }

/** A member of the mesh with the identity of `service`, which is genuine. Whoever calls this closes it. */
export async function joinAs(service: string, { control, fleet }: Stage): Promise<Mesh> {
  const mesh = createMesh({ service, control: control.url, token: await fleet.tokenOf(service), lastGood: false, log: silent })
  await mesh.ready()
  // Readiness waits for two seconds at most.
  await until(joinedWithinMs, () => (mesh.explain().identity?.notAfter ?? 0) > 0)
  return mesh
}
