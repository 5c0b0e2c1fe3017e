/** The rules of an access policy, compiled once for each policy: what they say of a call. */
import type { Call } from '../kernel/call.ts'
import type { AccessPolicy } from '../policy/index.ts'
import type { Refusal } from './refusal.ts'
import { RequestPath } from './request-path.ts'
import { type HeaderOf, Rule } from './rule.ts'

interface Denial {
  readonly rule: Rule
  readonly refusal: Refusal
}

/** Deny, then allow, then what holds for the rest. */
export class Rules {
  readonly #deny: readonly Denial[]
  readonly #allow: readonly Rule[]
  readonly #rest: Refusal | null
  readonly #looksAtPaths: boolean
  // One for all calls: judging is done before the next one comes.
  readonly #path = new RequestPath()

  private constructor(policy: AccessPolicy, headerOf: HeaderOf) {
    this.#deny = policy.deny.map((rule, at) => ({
      rule: new Rule(rule, 'wide', headerOf),
      refusal: { code: 'FORBIDDEN', reason: 'denied', why: `access.deny[${at}] speaks of it` },
    }))
    this.#allow = policy.otherwise === 'allow' ? [] : policy.allow.map((rule) => new Rule(rule, 'exact', headerOf))
    const why = policy.allow.length > 0 ? 'no rule of access.allow speaks of it' : 'access.default is deny'
    this.#rest = policy.otherwise === 'allow' ? null : { code: 'FORBIDDEN', reason: 'not_allowed', why }
    this.#looksAtPaths = [...policy.deny, ...policy.allow].some(({ paths }) => paths !== null)
  }

  /** null where the policy lets everybody in. */
  static of(policy: AccessPolicy, headerOf: HeaderOf): Rules | null {
    return policy.deny.length === 0 && policy.otherwise === 'allow' ? null : new Rules(policy, headerOf)
  }

  /** Why the call must not get in; null where it may. */
  judge(call: Call): Refusal | null {
    const path = this.#path
    if (this.#looksAtPaths) {
      const ambiguity = path.read(call.path)
      if (ambiguity !== '') return { code: 'AMBIGUOUS_PATH', reason: 'ambiguous_path', why: `its path ${ambiguity}` }
    }
    const deny = this.#deny
    // By number, here and in the rules: until it is optimized, a loop over values makes an object for each.
    for (let at = 0; at < deny.length; at++) {
      const { rule, refusal } = deny[at] as Denial
      if (rule.matches(call, path)) return refusal
    }
    const allow = this.#allow
    for (let at = 0; at < allow.length; at++) if ((allow[at] as Rule).matches(call, path)) return null
    return this.#rest
  }
}
