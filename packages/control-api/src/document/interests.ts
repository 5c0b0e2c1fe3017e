/** All interests that clients have, each once, and who must hear of a change of which service. */
import { Tally } from '../tally.ts'
import { type Catalog, defaultsName, TooManyNames } from './catalog.ts'
import { Interest } from './interest.ts'
import type { ServiceSections } from './service-sections.ts'
import type { TrustPart } from './trust-part.ts'

const nobody: ReadonlySet<Interest> = new Set()
// What the interests of one service name together, each counted once: ten thousand processes that use a hundred services each, no two of them the same.
// That is some 200 MB; whoever has got hold of a token could else ask for all the memory that there is.
const mostFollowedBy = 1_000_000

/** Interests live as long as a client follows them. */
export class Interests {
  readonly #catalog: Catalog
  readonly #trust: TrustPart | null
  readonly #byKey = new Map<string, Interest>()
  readonly #bySections = new Map<ServiceSections, Set<Interest>>()
  /** How many names the interests of a service have, all together. */
  readonly #followed = new Tally()

  constructor(catalog: Catalog, trust: TrustPart | null) {
    this.#catalog = catalog
    this.#trust = trust
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Begins to follow. @throws TooManyNames */
  follow(service: string, uses: readonly string[]): Interest {
    const sorted = [...new Set(uses)].sort()
    const key = `${service}|${sorted.join(',')}`
    const known = this.#byKey.get(key)
    const interest = known ?? this.#make(key, { service, uses: sorted })
    interest.followers += 1
    return interest
  }

  /** Ends what `follow` began. */
  leave(interest: Interest): void {
    interest.followers -= 1
    if (interest.followers > 0) return
    this.#byKey.delete(interest.key)
    this.#followed.add(interest.own.name, -interest.uses.length)
    for (const sections of all(interest)) {
      const interests = this.#bySections.get(sections)
      interests?.delete(interest)
      if (interests?.size !== 0) continue
      this.#bySections.delete(sections)
      this.#catalog.release(sections)
    }
  }

  /** Those whose documents hold a section of `sections`. */
  in(sections: ServiceSections): ReadonlySet<Interest> {
    return this.#bySections.get(sections) ?? nobody
  }

  #make(key: string, { service, uses }: { readonly service: string; readonly uses: readonly string[] }): Interest {
    if (this.#followed.of(service) + uses.length > mostFollowedBy) {
      throw new TooManyNames(`The processes of ${service} use ${mostFollowedBy} names, each of them others: no other is taken.`)
    }
    const made: ServiceSections[] = []
    try {
      for (const name of [defaultsName, service, ...uses]) made.push(this.#catalog.get(name, service))
    } catch (error) {
      for (const sections of made) if (!this.#bySections.has(sections)) this.#catalog.release(sections)
      throw error
    }
    const [defaults, own, ...used] = made as [ServiceSections, ServiceSections, ...ServiceSections[]]
    const interest = new Interest(key, { defaults, own, uses: used, trust: this.#trust })
    this.#byKey.set(key, interest)
    this.#followed.add(own.name, uses.length)
    for (const sections of all(interest)) {
      const interests = this.#bySections.get(sections)
      if (interests === undefined) this.#bySections.set(sections, new Set([interest]))
      else interests.add(interest)
    }
    return interest
  }
}

function all({ defaults, own, uses }: Interest): Set<ServiceSections> {
  return new Set([defaults, own, ...uses])
}
