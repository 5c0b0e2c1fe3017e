/** The audit in SQLite: the newest hundred thousand writes. */
import type { AuditEntry, AuditStore, NumberedEntry } from './audit-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** About 15 MB. Whoever needs more keeps the lines that go to standard output. */
const mostEntries = 100_000

/** Older entries go as newer ones come. */
export class SqliteAudit implements AuditStore {
  readonly #file: SqliteFile
  readonly #most: number

  constructor(file: SqliteFile, most = mostEntries) {
    this.#file = file
    this.#most = most
  }

  record({ at, by, remote, action, subject, revision, forced }: AuditEntry): void {
    const { database } = this.#file
    this.#file.transaction(() => {
      const insert = database.prepare('INSERT INTO audit (at, by, remote, action, subject, revision, forced) VALUES (?, ?, ?, ?, ?, ?, ?)')
      const { lastInsertRowid } = insert.run(at, by, remote, action, subject, revision, Number(forced))
      database.prepare('DELETE FROM audit WHERE number <= ?').run(Number(lastInsertRowid) - this.#most)
    })
  }

  list({ before, limit }: { readonly before?: number; readonly limit: number }): readonly NumberedEntry[] {
    const select = this.#file.database.prepare('SELECT * FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?')
    return select.all(before ?? Number.MAX_SAFE_INTEGER, limit).map((row) => ({
      number: Number(row.number),
      at: Number(row.at),
      by: String(row.by),
      remote: String(row.remote),
      action: String(row.action),
      subject: String(row.subject),
      revision: row.revision === null ? null : Number(row.revision),
      forced: row.forced === 1,
    }))
  }
}
