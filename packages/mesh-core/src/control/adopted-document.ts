/** What of the control API's documents is in force here: policies that could be read, endpoints that are believed. */
import type { Log } from '../kernel/log.ts'
import type { TrustSection } from '../policy/exchange.ts'
import { type PolicySet, readPolicies } from '../policy/index.ts'
import type { ControlCounts } from './control-counts.ts'
import type { ControlExplanation } from './control-explanation.ts'
import type { HeldDocument } from './held-document.ts'
import type { SavedDocument } from './last-good.ts'
import type { EndpointNews, RegistryDiscovery } from './registry-discovery.ts'

/** The mesh, as policies reach it. */
export interface PolicyHost {
  /** Puts a set in force; the problems for which it could not, none where it did. */
  adopt(set: PolicySet): readonly string[]
  /** A set was refused before it reached the mesh: says why, what holds goes on holding. */
  refuse(problems: readonly string[]): void
}

type Documents = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export interface AdoptedDocumentOptions {
  readonly service: string
  readonly registry: RegistryDiscovery
  /** Takes the roots of a document, before anything else of it. */
  readonly trusts: (trust: TrustSection, isLive: boolean) => void
  readonly counts: ControlCounts
  readonly log: Log
}

/** One per mesh. */
export class AdoptedDocument {
  host: PolicyHost | null = null
  source: ControlExplanation['source'] = 'none'
  version = ''
  revision = 0
  /** Why the newest policies are not in force; '' where they are. */
  refusal = ''
  readonly #options: AdoptedDocumentOptions
  /** The roots that were told last; null for none. A document without any takes none away. */
  #trust: TrustSection | null = null
  /** The policies in force. */
  #good: { readonly documents: Documents; readonly revision: number } = { documents: {}, revision: 0 }
  /** Names the policies that were tried last, good or not. */
  #tried = ''

  constructor(options: AdoptedDocumentOptions) {
    this.#options = options
  }

  /** What goes on holding while there is no contact, as part of a sentence. */
  get sentence(): string {
    return this.source === 'none' ? 'there is no document yet' : `version ${this.version} stays`
  }

  /** Takes what the last process left. */
  restore(saved: SavedDocument): void {
    this.#takeTrust(saved.trust ?? null, false)
    this.refusal = this.#adoptPolicies(saved.policies, saved.revision)
    const endpoints = new Map(Object.entries(saved.endpoints).map(([service, list]) => [service, { list }]))
    this.#options.registry.adopt({ endpoints, newEpoch: false, wanted: () => true })
    this.source = 'last-good'
    this.version = saved.version
    this.revision = this.#good.revision
  }

  /** Takes a document from the control API: first its roots, then its policies, then its endpoints, in one tick. Returns why policies were refused, '' where they hold. */
  adopt(document: HeldDocument, news: Pick<EndpointNews, 'newEpoch' | 'wanted'>): string {
    this.#takeTrust(document.trust, true)
    const tried = [...document.policies].map(([service, { hash }]) => `${service} ${hash}`).sort()
    const isEmptied = document.revision === 0 && this.#good.revision > 0
    const name = JSON.stringify([isEmptied, tried])
    if (name !== this.#tried) {
      this.refusal = isEmptied ? this.#refuseEmpty() : this.#adoptPolicies(written(document), document.revision)
      this.#tried = name
    } else if (this.refusal === '') this.#good = { ...this.#good, revision: document.revision }
    // A file may be hours old: mixed with what is live, its endpoints could by now be another service's.
    const newEpoch = news.newEpoch && this.source === 'live'
    this.#options.registry.adopt({ endpoints: document.endpoints, newEpoch, wanted: news.wanted })
    this.source = 'live'
    this.version = document.version
    this.revision = this.#good.revision
    return this.refusal
  }

  /** The document as the next process should find it: policies that are in force, endpoints that are in use. */
  saved(pastEpochs: readonly string[]): SavedDocument {
    const { registry, service } = this.#options
    const endpoints = [...registry.published()].map(([name, list]) => [name, list.map((info) => ({ ...info, labels: { ...info.labels } }))])
    return {
      service,
      savedAt: Date.now(),
      version: this.version,
      revision: this.#good.revision,
      pastEpochs: [...pastEpochs],
      policies: this.#good.documents as SavedDocument['policies'],
      endpoints: Object.fromEntries(endpoints),
      ...(this.#trust === null ? {} : { trust: this.#trust }),
    }
  }

  #takeTrust(trust: TrustSection | null, isLive: boolean): void {
    // What a process before this one left counts for less than what is told now, though it be the same.
    if (trust === null || (trust.hash === this.#trust?.hash && isLive === (this.source === 'live'))) return
    this.#trust = trust
    this.#options.trusts(trust, isLive)
  }

  // A store that was lost comes back empty. That nobody has written a policy there is no reason to do without those that hold.
  #refuseEmpty(): string {
    const { counts, log } = this.#options
    const reason = `the store of the control API is empty (revision 0); the policies of revision ${this.#good.revision} stay until one is written`
    counts.refused('empty_store')
    log.error(reason)
    return reason
  }

  #adoptPolicies(documents: Documents, revision: number): string {
    const { counts } = this.#options
    const reading = readPolicies(
      Object.entries(documents).map(([service, document]) => named(service, document)),
      `control revision ${revision}`,
    )
    if (!reading.ok) this.host?.refuse(reading.problems)
    const problems = reading.ok ? (this.host?.adopt(reading.set) ?? []) : reading.problems
    if (problems.length === 0) {
      this.#good = { documents, revision }
      return ''
    }
    counts.refused('policy')
    return problems.join('; ')
  }
}

function written({ policies }: HeldDocument): Documents {
  return Object.fromEntries([...policies].flatMap(([service, { document }]) => (document === null ? [] : [[service, document]])))
}

// The name under which a document came is the one that counts; defaults are known by having none.
function named(service: string, document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (service !== 'defaults') return { ...document, service }
  const { service: _name, ...rest } = document
  return rest
}
