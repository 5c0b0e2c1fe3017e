/** Policies and their history in SQLite. */
import { randomBytes } from 'node:crypto'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { Clock } from '../clock.ts'
import type { HighWater } from './high-water.ts'
import { PolicyShelf } from './policy-shelf.ts'
import type { PolicyChange, PolicyStore, Revision, StoredPolicy, WriteNote } from './policy-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** The newest policies are read from memory; what they were before, from the file. */
export class SqlitePolicies implements PolicyStore {
  readonly epoch: string
  readonly #file: SqliteFile
  readonly #clock: Clock
  readonly #highWater: HighWater
  readonly #shelf: PolicyShelf
  readonly #insertRevision: StatementSync
  readonly #insertChange: StatementSync

  constructor(file: SqliteFile, highWater: HighWater, clock: Clock) {
    const { database } = file
    this.#file = file
    this.#clock = clock
    this.#highWater = highWater
    const revision = Number(database.prepare('SELECT coalesce(max(revision), 0) AS n FROM revisions').get()?.n)
    this.#shelf = new PolicyShelf(revision, this.#read(revision))
    this.epoch = this.#epochOf(revision)
    highWater.raise(this.epoch, revision)
    this.#insertRevision = database.prepare('INSERT INTO revisions (revision, at, by, action, forced) VALUES (?, ?, ?, ?, ?)')
    this.#insertChange = database.prepare('INSERT INTO changes (revision, service, document) VALUES (?, ?, ?)')
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
    return this.#file.transaction(() => {
      // The shelf knows only what was committed. A second write within one transaction would take the same number, and is refused by the table.
      const revision = this.#shelf.revision + 1
      this.#insertRevision.run(revision, this.#clock.now(), note.by, note.action, Number(note.forced))
      for (const { service, document } of changes) {
        this.#insertChange.run(revision, service, document === null ? null : JSON.stringify(document))
      }
      this.#file.afterCommit(() => {
        try {
          this.#highWater.raise(this.epoch, revision)
        } finally {
          // On the disk it is, and whoever wrote next would take its number again.
          this.#shelf.adopt(revision, changes)
        }
      })
      return revision
    })
  }

  history({ service, before, limit }: { service?: string; before?: number; limit: number }): readonly Revision[] {
    const { database } = this.#file
    const touches = service === undefined ? '' : 'AND EXISTS (SELECT 1 FROM changes c WHERE c.service = ? AND c.revision = r.revision)'
    const values: SQLInputValue[] = [before ?? Number.MAX_SAFE_INTEGER, ...(service === undefined ? [] : [service]), limit]
    const rows = database
      .prepare(`SELECT * FROM revisions r WHERE r.revision < ? ${touches} ORDER BY r.revision DESC LIMIT ?`)
      .all(...values)
    const services = database.prepare('SELECT service FROM changes WHERE revision = ? ORDER BY service')
    return rows.map((row) => ({
      revision: Number(row.revision),
      at: Number(row.at),
      by: String(row.by),
      action: String(row.action),
      forced: row.forced === 1,
      services: services.all(row.revision as number).map((change) => String(change.service)),
    }))
  }

  at(revision: number): readonly StoredPolicy[] {
    this.#shelf.expectRevision(revision)
    return this.#read(revision)
  }

  subscribe(listener: (services: readonly string[]) => void): () => void {
    return this.#shelf.subscribe(listener)
  }

  close(): void {
    this.#shelf.forgetListeners()
    this.#highWater.close()
  }

  #read(revision: number): StoredPolicy[] {
    // Of the columns beside max(), SQLite gives those of the row that holds the maximum.
    const newest = this.#file.database.prepare(
      'SELECT service, document, max(revision) AS revision FROM changes WHERE revision <= ? GROUP BY service ORDER BY service',
    )
    const found: StoredPolicy[] = []
    for (const { service, document, revision: written } of newest.iterate(revision)) {
      if (document !== null) found.push({ service: String(service), document: JSON.parse(String(document)), revision: Number(written) })
    }
    return found
  }

  #epochOf(revision: number): string {
    const { database } = this.#file
    const kept = database.prepare('SELECT epoch FROM identity').get()?.epoch
    if (kept !== undefined && this.#highWater.confirms(String(kept), revision)) return String(kept)
    const epoch = randomBytes(6).toString('hex')
    this.#file.transaction(() => {
      database.exec('DELETE FROM identity')
      database.prepare('INSERT INTO identity (epoch) VALUES (?)').run(epoch)
    })
    return epoch
  }
}
