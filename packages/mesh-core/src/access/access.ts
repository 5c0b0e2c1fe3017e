/** Turns away who may not call, before the call costs anything. */
import type { Call } from '../kernel/call.ts'
import type { Layer } from '../kernel/layer.ts'
import { type Outcome, refusal } from '../kernel/outcome.ts'
import type { SpacedLog } from '../kernel/spaced-log.ts'
import type { AccessPolicy } from '../policy/index.ts'
import { type AccessCounts, callerName } from './access-counts.ts'
import type { Refusal } from './refusal.ts'
import type { HeaderOf } from './rule.ts'
import { Rules } from './rules.ts'

/** What access knows besides a policy. It outlives every one. */
export interface AccessGround {
  readonly counts: AccessCounts
  readonly log: SpacedLog
  /** True where callers could come by mutual TLS, so that plaintext is worth a count. */
  readonly takesMtls: boolean
  /** Why nobody is let in before there is a policy, in a sentence, '' once there is one; null where callers are let in without. */
  readonly policyMissing: (() => string) | null
}

export interface AccessOptions {
  readonly policy: AccessPolicy
  readonly headerOf: HeaderOf
  readonly accessGround: AccessGround
}

const needsMtls: Refusal = { code: 'MTLS_REQUIRED', reason: 'mtls_required', why: 'it came in plaintext, and access.mtls is strict' }

/**
 * Reads `call.caller` and `call.from`. The stranger learns the code and nothing else; the operator is told who, what and which rule.
 * @returns null where everybody is let in and nobody counted
 */
export function access({ policy, headerOf, accessGround }: AccessOptions): Layer | null {
  const { mtls, dryRun } = policy
  const { counts } = accessGround
  const rules = Rules.of(policy, headerOf)
  const countsPlaintext = mtls === 'permissive' && accessGround.takesMtls
  if (rules === null && mtls !== 'strict' && !countsPlaintext) return null
  return (next) => (call) => {
    if (call.caller === null) {
      if (mtls === 'strict') return Promise.resolve(turnAway(call, needsMtls, accessGround))
      if (countsPlaintext && accessGround.takesMtls) counts.cameInPlaintext(call)
    }
    if (rules === null) return next(call)
    const found = rules.judge(call)
    if (found === null) return next(call)
    if (!dryRun) return Promise.resolve(turnAway(call, found, accessGround))
    counts.wouldBeTurnedAway(call, found.reason)
    return next(call)
  }
}

const longestPath = 200

function turnAway(call: Call, found: Refusal, { counts, log }: AccessGround): Outcome {
  counts.turnedAway(call, found.reason)
  log.warn(found.reason, () => {
    const path = call.path.split('?', 1)[0] as string
    const who = call.caller === null ? `a caller in plaintext from ${callerName(call)}` : callerName(call)
    return `${call.service}: turned away ${who} for ${shown(call.method)} ${shown(path)}: ${found.why}`
  })
  return refusal(call, found.code, call.startedAt)
}

// Both come from the caller: on one line and within bounds, whatever they hold.
function shown(text: string): string {
  return JSON.stringify(text.length > longestPath ? `${text.slice(0, longestPath)}...` : text)
}
