/** Turns everybody away for as long as there is no policy to judge them by, where the program wants it so. */
import type { Layer } from '../kernel/layer.ts'
import { refusal } from '../kernel/outcome.ts'
import type { AccessGround } from './access.ts'

/**
 * The caller learns that it may go elsewhere; the operator is told what is missing.
 * @returns null where callers are let in without a policy
 */
export function policyAwaited({ policyMissing, log }: Pick<AccessGround, 'policyMissing' | 'log'>): Layer | null {
  if (policyMissing === null) return null
  return (next) => (call) => {
    const why = policyMissing()
    if (why === '') return next(call)
    log.warn('no_policy', () => `${call.service}: turned a call away: ${why}`)
    return Promise.resolve(refusal(call, 'NO_POLICY', call.startedAt))
  }
}
