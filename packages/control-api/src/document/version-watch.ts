/** Watches whether the versions that policies send calls to still have instances. */
import type { Clock } from '../clock.ts'
import type { ServiceRoll } from '../registry/service-roll.ts'
import type { Catalog } from './catalog.ts'
import type { ServiceSections } from './service-sections.ts'

/** A version that a policy uses and that nobody runs. */
export interface LostVersion {
  readonly service: string
  readonly version: string
  /** When its last instance went, in milliseconds since 1970; null where none was seen since the start. */
  readonly goneAt: number | null
}

interface Watched {
  /** Versions that had an instance when they were last looked at. */
  readonly present: ReadonlySet<string>
  readonly lost: readonly LostVersion[]
}

// A thousand instances that register together are one look at their service, not a thousand.
const gatherMs = 250

/** Knows, at any moment, which used versions are lost, and when they went. */
export class VersionWatch {
  readonly #catalog: Catalog
  readonly #clock: Clock
  readonly #watched = new Map<string, Watched>()
  #changed = new Set<string>()
  #timer: { cancel(): void } | null = null

  constructor(catalog: Catalog, clock: Clock) {
    this.#catalog = catalog
    this.#clock = clock
    for (const sections of catalog.all()) this.#look(sections.name)
  }

  /** Notes that the policy or the leases of a service changed. */
  changed(service: string): void {
    this.#changed.add(service)
    this.#timer ??= this.#clock.setTimer(gatherMs, () => this.#lookAgain())
  }

  /** All versions that are used and that nobody runs. */
  *lost(): Generator<LostVersion> {
    this.#lookAgain()
    for (const { lost } of this.#watched.values()) yield* lost
  }

  close(): void {
    this.#timer?.cancel()
  }

  #lookAgain(): void {
    this.#timer?.cancel()
    this.#timer = null
    for (const service of this.#changed) this.#look(service)
    this.#changed = new Set()
  }

  #look(service: string): void {
    const sections = this.#catalog.find(service)
    const used = sections === undefined ? [] : usedVersions(sections)
    if (used.length === 0) {
      this.#watched.delete(service)
      return
    }
    const before = this.#watched.get(service)
    const present = new Set<string>()
    const lost: LostVersion[] = []
    for (const { version, labels } of used) {
      if (hasInstance(sections?.roll, labels)) present.add(version)
      else lost.push(this.#lost(before, { service, version }))
    }
    this.#watched.set(service, { present, lost })
  }

  #lost(before: Watched | undefined, { service, version }: { readonly service: string; readonly version: string }): LostVersion {
    if (before?.present.has(version) === true) return { service, version, goneAt: this.#clock.now() }
    return before?.lost.find((one) => one.version === version) ?? { service, version, goneAt: null }
  }
}

interface UsedVersion {
  readonly version: string
  readonly labels: Readonly<Record<string, string>>
}

/** Versions to which the policy of a service sends calls. The store holds documents that were checked. */
function usedVersions({ policy }: ServiceSections): UsedVersion[] {
  const document = policy?.document as
    | {
        readonly external?: boolean
        readonly to?: readonly { readonly version: string; readonly weight?: number }[]
        readonly versions?: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>
      }
    | undefined
  if (document === undefined || document.external === true) return []
  const targets = (document.to ?? []).filter(({ weight }) => weight !== 0)
  return targets.map(({ version }) => ({ version, labels: document.versions?.[version]?.labels ?? {} }))
}

function hasInstance(roll: ServiceRoll | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (roll === undefined) return false
  const wanted = Object.entries(labels)
  for (const { endpoint } of roll.leases) if (wanted.every(([key, value]) => endpoint.labels[key] === value)) return true
  return false
}
