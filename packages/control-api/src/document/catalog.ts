/** All services' sections, kept in step with the policies that are stored and the leases that are held. */
import type { Clock } from '../clock.ts'
import type { Registry } from '../registry/registry.ts'
import type { PolicyStore } from '../store/policy-store.ts'
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
// A thousand names for each of two hundred hostile clients; beyond, names that nobody knows are refused.
const mostSections = 200_000

/** More names were asked for than can be followed. */
export class TooManyNames extends Error {
  override readonly name = 'TooManyNames'
}

/** Sections by the name of their service; names that nobody knows are held while somebody uses them. */
export class Catalog {
  readonly #parts: CatalogParts
  readonly #sections = new Map<string, ServiceSections>()
  readonly #ends: (() => void)[]
  readonly #lingering = new Map<ServiceSections, { cancel(): void }>()

  constructor(parts: CatalogParts) {
    this.#parts = parts
    for (const { service, document } of parts.policies.all()) this.get(service).policy = new LeveledPolicy(document)
    for (const service of parts.registry.services()) this.get(service).roll = parts.registry.roll(service)
    this.#ends = [
      parts.policies.subscribe((services) => {
        for (const service of services) this.#policyChanged(service)
      }),
      parts.registry.subscribe((service, changed) => this.#leasesChanged(service, changed)),
    ]
  }

  /** Those of `name`, made where they are asked for first. @throws TooManyNames */
  get(name: string): ServiceSections {
    let sections = this.#sections.get(name)
    if (sections === undefined) {
      if (this.#sections.size >= mostSections) throw new TooManyNames(`${mostSections} names are followed: no other is taken.`)
      sections = new ServiceSections(name)
      this.#sections.set(name, sections)
    }
    return sections
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
    if (!sections.isKnown) this.#sections.delete(sections.name)
  }

  close(): void {
    for (const end of this.#ends) end()
    for (const timer of this.#lingering.values()) timer.cancel()
  }

  #policyChanged(service: string): void {
    const sections = this.get(service)
    const wasKnown = sections.isKnown
    const stored = this.#parts.policies.get(service)
    sections.policy = stored === null ? null : new LeveledPolicy(stored.document)
    sections.policyAt = this.#parts.counter.next()
    if (sections.isKnown !== wasKnown) sections.endpointsAt = sections.policyAt
    this.#parts.onChange(sections)
  }

  #leasesChanged(service: string, changed: boolean): void {
    const sections = this.get(service)
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
