/** Where a mesh gets its identity from, as its options say. */
import type { Control } from '../control/control.ts'
import { isSecure } from '../control/control-options.ts'
import { IssuedIdentity } from '../identity/issued-identity.ts'
import { runUnder } from '../kernel/ambient.ts'
import type { IdentitySource } from '../kernel/identity.ts'
import { untraced } from '../observe/otel.ts'
import type { ControlGround } from './control-of.ts'
import type { MeshOptions } from './mesh-options.ts'
import { isTurnedOff } from './off-switch.ts'

/** The source; null where there is none, and where the mesh is turned off. One that is issued by the control API is what this process is known by there. */
export function identityOf(options: MeshOptions, control: Control | null, ground: ControlGround): IdentitySource | null {
  const { service, identity, control: address, token } = options
  if (isTurnedOff() || identity === false) return null
  if (identity !== undefined) return identity
  // What is asked for over plaintext could be answered by anybody, and the token heard.
  if (control === null || address === undefined || token === undefined || !isSecure(address)) return null
  const issued = new IssuedIdentity({ ...ground, service, office: control.office, aside: (work) => runUnder(null, () => untraced(work)) })
  control.authenticateBy(issued)
  return issued
}
