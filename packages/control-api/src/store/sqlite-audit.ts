/** The audit in SQLite: the newest hundred thousand writes of people, and as many of services. */
import type { AuditEntry, AuditStore, NumberedEntry } from './audit-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** About 15 MB. Whoever needs more keeps the lines that go to standard output. */
const mostEntries = 100_000

// What services do by themselves, some of it every day and some of it as often as they like: it must not push out what people did.
const ofServices = "action IN ('identity.issue', 'identity.refuse')"
const ofPeople = `NOT ${ofServices}`

interface Kept {
  readonly condition: string
  count: number
}

/** Older entries go as newer ones of their kind come. */
export class SqliteAudit implements AuditStore {
  readonly #file: SqliteFile
  readonly #most: number
  readonly #people: Kept
  readonly #services: Kept

  constructor(file: SqliteFile, most = mostEntries) {
    this.#file = file
    this.#most = most
    this.#people = this.#counted(ofPeople)
    this.#services = this.#counted(ofServices)
  }

  record({ at, by, remote, action, subject, revision, forced }: AuditEntry): void {
    const { database } = this.#file
    const kept = action === 'identity.issue' || action === 'identity.refuse' ? this.#services : this.#people
    this.#file.transaction(() => {
      const insert = database.prepare('INSERT INTO audit (at, by, remote, action, subject, revision, forced) VALUES (?, ?, ?, ?, ?, ?, ?)')
      insert.run(at, by, remote, action, subject, revision, Number(forced))
      const surplus = Math.max(0, kept.count + 1 - this.#most)
      const gone = surplus === 0 ? 0 : this.#drop(kept.condition, surplus)
      this.#file.afterCommit(() => {
        kept.count += 1 - gone
      })
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

  #counted(condition: string): Kept {
    const row = this.#file.database.prepare(`SELECT count(*) AS n FROM audit WHERE ${condition}`).get()
    return { condition, count: Number(row?.n) }
  }

  /** The oldest that meet a condition; returns how many went. */
  #drop(condition: string, count: number): number {
    const oldest = `SELECT number FROM audit WHERE ${condition} ORDER BY number LIMIT ?`
    return Number(this.#file.database.prepare(`DELETE FROM audit WHERE number IN (${oldest})`).run(count).changes)
  }
}
