/** All services' sections, kept in step with the policies that are stored and the leases that are held. */
import type { Clock } from '../clock.ts'
import type { Registry } from '../registry/registry.ts'
import type { PolicyStore } from '../store/policy-store.ts'
import { Tally } from '../tally.ts'
import type { IndexCounter } from './index-counter.ts'
import { LeveledPolicy } from './policy-levels.ts'
import { ServiceSections } from './service-sections.ts'

/** What a catalog follows. */
export interface CatalogParts {
  readonly policies: PolicyStore
  readonly registry: Registry
  readonly counter: IndexCounter
  readonly clock: Clock
  /** Called after each change of which documents speak. */
  readonly onChange: (sections: ServiceSections) => void
}

/** The name under which the defaults are a section; no service is called so. */
export const defaultsName = 'defaults'

// A service whose last lease ended is known for so long: callers must not take its name for that of a stranger while it is restarted.
const lingerMs = 600_000
// Names that nobody knows: a thousand for each of two hundred hostile clients, and for those of one service a quarter of that, for whoever has got hold of
// its token must not take them from all others.
const mostAsked = 200_000
const mostAskedBy = 50_000

/** More names were asked for than can be followed. */
export class TooManyNames extends Error {
  override readonly name = 'TooManyNames'
}

/** Sections by the name of their service; names that nobody knows are held while somebody uses them, so many and no more. */
export class Catalog {
  readonly #parts: CatalogParts
  readonly #sections = new Map<string, ServiceSections>()
  /** How many names there are that nobody knew when they were asked for, by the service whose process was the first to ask. */
  readonly #asked = new Tally()
  #askedInAll = 0
  readonly #ends: (() => void)[]
  readonly #lingering = new Map<ServiceSections, { cancel(): void }>()

  constructor(parts: CatalogParts) {
    this.#parts = parts
    for (const { service, document } of parts.policies.all()) this.#known(service).policy = new LeveledPolicy(document)
    for (const service of parts.registry.services()) this.#known(service).roll = parts.registry.roll(service)
    this.#ends = [
      parts.policies.subscribe((services) => {
        for (const service of services) this.#policyChanged(service)
      }),
      parts.registry.subscribe((service, changed) => this.#leasesChanged(service, changed)),
    ]
  }

  /** Those of `name`, for a process of `asker` that asks about it. @throws TooManyNames */
  get(name: string, asker: string): ServiceSections {
    const known = this.#sections.get(name)
    if (known !== undefined) return known
    if (this.#asked.of(asker) >= mostAskedBy)
      throw new TooManyNames(`${asker} asks about ${mostAskedBy} names that nobody knows: no other is taken.`)
    if (this.#askedInAll >= mostAsked) throw new TooManyNames(`${mostAsked} names that nobody knows are followed: no other is taken.`)
    this.#asked.add(asker, 1)
    this.#askedInAll += 1
    return this.#made(name, asker)
  }

  /** Undefined for a name that is neither known nor used. */
  find(name: string): ServiceSections | undefined {
    return this.#sections.get(name)
  }

  /** Services that are known or used. */
  all(): Iterable<ServiceSections> {
    return this.#sections.values()
  }

  /** Lets go of sections that nobody uses any more, unless they hold something. */
  release(sections: ServiceSections): void {
    if (!sections.isKnown && this.#sections.delete(sections.name)) this.#uncount(sections)
  }

  close(): void {
    for (const end of this.#ends) end()
    for (const timer of this.#lingering.values()) timer.cancel()
  }

  /** Those of a service that has a policy or a lease, or had one: stores and registry have bounds of their own, and what they hold must be told. */
  #known(name: string): ServiceSections {
    const sections = this.#sections.get(name) ?? this.#made(name, '')
    this.#uncount(sections)
    return sections
  }

  #made(name: string, asker: string): ServiceSections {
    const sections = new ServiceSections(name, asker)
    this.#sections.set(name, sections)
    return sections
  }

  #uncount(sections: ServiceSections): void {
    const { asker } = sections
    if (asker === '') return
    sections.asker = ''
    this.#askedInAll -= 1
    this.#asked.add(asker, -1)
  }

  #policyChanged(service: string): void {
    const sections = this.#known(service)
    const wasKnown = sections.isKnown
    const stored = this.#parts.policies.get(service)
    sections.policy = stored === null ? null : new LeveledPolicy(stored.document)
    sections.policyAt = this.#parts.counter.next()
    if (sections.isKnown !== wasKnown) sections.endpointsAt = sections.policyAt
    this.#parts.onChange(sections)
  }

  #leasesChanged(service: string, changed: boolean): void {
    const sections = this.#known(service)
    const wasKnown = sections.isKnown
    const had = sections.roll
    sections.roll = this.#parts.registry.roll(service)
    if (sections.roll !== had) this.#linger(sections)
    // The registry has counted the change of the list; a service that is known only now has changed even with an empty one.
    if (changed) sections.endpointsAt = this.#parts.counter.current
    else if (sections.isKnown !== wasKnown) sections.endpointsAt = this.#parts.counter.next()
    else return
    this.#parts.onChange(sections)
  }

  #linger(sections: ServiceSections): void {
    this.#lingering.get(sections)?.cancel()
    this.#lingering.delete(sections)
    sections.lingers = sections.roll === undefined
    if (sections.lingers)
      this.#lingering.set(
        sections,
        this.#parts.clock.setTimer(lingerMs, () => this.#lingered(sections)),
      )
  }

  #lingered(sections: ServiceSections): void {
    this.#lingering.delete(sections)
    sections.lingers = false
    if (sections.isKnown) return
    sections.endpointsAt = this.#parts.counter.next()
    this.#parts.onChange(sections)
  }
}
