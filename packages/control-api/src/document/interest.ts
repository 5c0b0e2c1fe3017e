/** What a client's document is about: its own service and those that it uses, one object for all clients that ask for the same. */
import type { ServiceSections } from './service-sections.ts'
import { type TrustPart, trustLevel } from './trust-part.ts'

/** What an interest is made of. */
export interface InterestSections {
  readonly defaults: ServiceSections
  readonly own: ServiceSections
  /** In the order of the alphabet, each once. */
  readonly uses: readonly ServiceSections[]
  /** Null where there is no authority. */
  readonly trust: TrustPart | null
}

/** Ten thousand clients with the same interest share this. */
export class Interest {
  /** '' for what is left of one: nobody looks for that, and of a key each client would hold its own. */
  readonly key: string
  readonly defaults: ServiceSections
  readonly own: ServiceSections
  /** In the order of the alphabet, each once. */
  readonly uses: readonly ServiceSections[]
  readonly trust: TrustPart | null
  /** Clients that follow it, parked or not. */
  followers = 0

  constructor(key: string, { defaults, own, uses, trust }: InterestSections) {
    this.key = key
    this.defaults = defaults
    this.own = own
    this.uses = uses
    this.trust = trust
  }

  /** True where `name` is used. */
  has(name: string): boolean {
    let low = 0
    let high = this.uses.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.uses[middle] as ServiceSections).name < name) low = middle + 1
      else high = middle
    }
    return this.uses[low]?.name === name
  }

  /** True where documents of this interest hold the policy of `name`. */
  holdsPolicyOf(name: string): boolean {
    return name === this.defaults.name || name === this.own.name || this.has(name)
  }

  /** What is left of it for a client that now has `other`: what it no longer uses it may have thrown away. */
  within(other: Interest): Interest {
    if (this === other || !this.goesBeyond(other)) return this
    const uses = this.uses.filter(({ name }) => other.has(name))
    return new Interest('', { defaults: this.defaults, own: this.own, uses, trust: this.trust })
  }

  /** True where a service is used here that is not used in `other`. */
  goesBeyond(other: Interest): boolean {
    return this !== other && this.uses.some(({ name }) => !other.has(name))
  }

  /** The trust as documents of a level hold it; null where they do not. */
  trustAt(level: number): TrustPart | null {
    return level >= trustLevel ? this.trust : null
  }

  /** True where one of its sections, as a document of `level` holds them, changed after `after`, and last not after `until`. */
  changedWithin(after: number, until: number, level: number): boolean {
    const isWithin = (at: number): boolean => at > after && at <= until
    if (isWithin(this.trustAt(level)?.at ?? 0)) return true
    if (isWithin(this.defaults.policyAt) || isWithin(this.own.policyAt)) return true
    for (const { policyAt, endpointsAt } of this.uses) if (isWithin(policyAt) || isWithin(endpointsAt)) return true
    return false
  }
}
