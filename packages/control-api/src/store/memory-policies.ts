/** Policies and their history in memory alone. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { PolicyShelf } from './policy-shelf.ts'
import type { PolicyChange, PolicyStore, Revision, StoredPolicy, WriteNote } from './policy-store.ts'

/** Lost with the process. */
export class MemoryPolicies implements PolicyStore {
  readonly epoch = randomBytes(6).toString('hex')
  readonly #clock: Clock
  readonly #shelf = new PolicyShelf()
  readonly #writes: { readonly about: Revision; readonly changes: readonly PolicyChange[] }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get revision(): number {
    return this.#shelf.revision
  }

  get(service: string): StoredPolicy | null {
    return this.#shelf.get(service)
  }

  all(): Iterable<StoredPolicy> {
    return this.#shelf.all()
  }

  write(changes: readonly PolicyChange[], note: WriteNote): number {
    this.#shelf.expect(changes)
    const revision = this.revision + 1
    const services = changes.map(({ service }) => service).sort()
    this.#writes.push({
      about: { ...note, revision, at: this.#clock.now(), services },
      changes: changes.map(({ service, document }) => ({ service, document })),
    })
    this.#shelf.adopt(revision, changes)
    return revision
  }

  history({
    service,
    before = Number.POSITIVE_INFINITY,
    limit,
  }: {
    service?: string
    before?: number
    limit: number
  }): readonly Revision[] {
    const wanted = this.#writes.filter(
      ({ about }) => about.revision < before && (service === undefined || about.services.includes(service)),
    )
    return wanted
      .reverse()
      .slice(0, limit)
      .map(({ about }) => about)
  }

  at(revision: number): readonly StoredPolicy[] {
    this.#shelf.expectRevision(revision)
    const then = new PolicyShelf()
    for (const { about, changes } of this.#writes.slice(0, revision)) then.adopt(about.revision, changes)
    return [...then.all()].sort((a, b) => (a.service < b.service ? -1 : 1))
  }

  subscribe(listener: (services: readonly string[]) => void): () => void {
    return this.#shelf.subscribe(listener)
  }

  close(): void {
    this.#shelf.forgetListeners()
  }
}
