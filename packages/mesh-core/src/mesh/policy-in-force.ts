/** One set of policies, adopted whole: what holds for each service under it. */
import { type EffectivePolicy, effectivePolicy, type PolicySet } from '../policy/index.ts'

/** The policies that hold until the next set is adopted. */
export interface PolicyInForce {
  /** Names the set; changes exactly when its content does. */
  readonly revision: string
  /** What holds for a service. */
  of(service: string): EffectivePolicy
  /** For each section, where its value came from. */
  from(service: string): Readonly<Record<string, string>>
  /** True where the set has a document of that service. */
  names(service: string): boolean
  /** The services that have a document. */
  readonly services: readonly string[]
}

/** Lays the set's documents over defaults and built-in values. */
export function inForce(set: PolicySet): PolicyInForce {
  const resolved = new Map<string, ReturnType<typeof effectivePolicy>>()
  const resolve = (service: string) => {
    const known = resolved.get(service)
    if (known !== undefined) return known
    const document = set.services.get(service) ?? null
    const effective = effectivePolicy(service, set.defaults, document)
    // Only what the set names is kept: services without a document come and go, and their names would pile up until the next set.
    if (document !== null) resolved.set(service, effective)
    return effective
  }
  return {
    revision: set.revision,
    of: (service) => resolve(service).policy,
    from: (service) => resolve(service).from,
    names: (service) => set.services.has(service),
    services: [...set.services.keys()],
  }
}
