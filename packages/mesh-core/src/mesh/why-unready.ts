/** Why a process should not be called, in a sentence. */
import type { Control } from '../control/control.ts'
import type { AccessState } from './access-state.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { OwnIdentity } from './own-identity.ts'

/** What has a say in it. */
export interface ReadyParts {
  readonly lifecycle: Pick<Lifecycle, 'closing'>
  readonly visitors: Pick<AccessState, 'policyMissing'>
  /** null where there is no control API. */
  readonly control: Pick<Control, 'isReady'> | null
  readonly identity: Pick<OwnIdentity, 'unready'>
}

/** '' where it may be called. */
export function whyUnready({ lifecycle, visitors, control, identity }: ReadyParts): string {
  if (lifecycle.closing) return 'the mesh is closing'
  const missing = visitors.policyMissing?.() ?? ''
  if (missing !== '') return missing
  return control?.isReady === false ? 'the mesh is not ready' : identity.unready
}
