/** What becomes of a call to a host that the mesh does not know: whether it may pass through to where it would go without the mesh. */
import type { Control } from '../control/control.ts'
import { isInsideName } from '../kernel/inside-name.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import type { PolicyInForce } from './policy-in-force.ts'
import type { ServiceTable } from './service-table.ts'

/** What is known of strangers. */
export interface StrangerGround {
  /** null where there is no control API. */
  readonly control: Control | null
  readonly policies: PolicyInForce
  readonly table: ServiceTable
}

const nobodyKnows = 'neither discovery nor a policy knows a service of that name'

/**
 * NOT_REGISTERED where only registered services may be called, and where the policy that would hold for the host is `mtls: strict` and the host
 * is a service by its name or was one once: passed through, the call would go there in plaintext. Null for the world outside.
 */
export function strangerError(host: string, { control, policies, table }: StrangerGround): MeshError | null {
  const inquiries = control?.inquiries
  const error = inquiries?.strangerError(host) ?? null
  if (error !== null) return error
  const isInside = inquiries?.isInside(host) ?? isInsideName(host, [])
  if (!(isInside || table.knew(host)) || policies.of(host).access.mtls !== 'strict') return null
  const message = `${host}: ${inquiries?.whyUnknown ?? nobodyKnows}, and \`mtls: strict\` holds for it: the call does not pass the mesh by in plaintext`
  return MeshError.withoutStack({ code: 'NOT_REGISTERED', service: host, message })
}
