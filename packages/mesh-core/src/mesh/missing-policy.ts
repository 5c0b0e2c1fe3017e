/** Whether a process must have a policy before it lets anybody in, and why it has none yet. */
import type { AccessGround } from '../access/access.ts'
import type { Control } from '../control/control.ts'
import type { Adoption } from './adoption.ts'
import type { MeshOptions } from './mesh-options.ts'
import { isTurnedOff } from './off-switch.ts'

/** Asked at each call: all of it may be made later than the answer is wanted. */
export interface PolicyOrigin {
  readonly adoption: () => Pick<Adoption, 'hasPolicy' | 'problems'>
  /** Where policies come from; null for no control API. */
  readonly control: () => Pick<Control, 'explain'> | null
}

/** Null where callers are let in without a policy, and where the mesh is turned off. */
export function missingPolicy({ withoutPolicy }: MeshOptions, origin: PolicyOrigin): AccessGround['policyMissing'] {
  if (withoutPolicy !== 'refuse' || isTurnedOff()) return null
  return () => {
    const adoption = origin.adoption()
    if (adoption.hasPolicy) return ''
    const [why = 'the control API has not answered yet'] = [...adoption.problems, ...(origin.control()?.explain().problems ?? [])]
    return `there is no policy yet, and nobody is let in without one (withoutPolicy: 'refuse'): ${why}`
  }
}
