/** A reception over sockets: visitors send requests, in plaintext or by mutual TLS, to the same port. */
import type { Case } from './case.ts'
import { identityOf } from './identities.ts'
import { type Reception, receivingMesh } from './reception.ts'
import type { Wire } from './wire.ts'

/** Opens it; the port is taken at the first visit. */
export function socketsReception(policy: Case['policy'], wire: Wire): Reception {
  const mesh = receivingMesh(policy)
  let opening: ReturnType<Wire['receive']> | null = null
  return {
    mesh,
    visit: async (visitor) => {
      opening ??= wire.receive(mesh)
      const visit = await opening
      return visit(visitor, identityOf(visitor))
    },
    close: () => mesh.close({ graceMs: 0 }),
  }
}
