/** The audit in SQLite: the newest hundred thousand writes of people, and as many of services. */
import { Tally } from '../tally.ts'
import type { AuditEntry, AuditStore, NumberedEntry } from './audit-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** About 15 MB. Whoever needs more keeps the lines that go to standard output. */
const mostEntries = 100_000

// What services do by themselves, some of it every day and some of it as often as they like: it must not push out what people did.
const serviceActions: readonly string[] = ['identity.issue', 'identity.refuse', 'token.refuse']
// To the letter as the indices of the schema have it: only then are they used.
const ofServices = `action IN (${serviceActions.map((action) => `'${action}'`).join(', ')})`
const ofPeople = `NOT ${ofServices}`

/** Older entries go as newer ones of their kind come; of those of services the oldest one of whoever has the most. */
export class SqliteAudit implements AuditStore {
  readonly #file: SqliteFile
  readonly #most: number
  #ofPeople: number
  /** How many there are of each service or token. */
  readonly #byCaller: Tally
  #ofServices: number

  constructor(file: SqliteFile, most = mostEntries) {
    this.#file = file
    this.#most = most
    this.#ofPeople = Number(file.database.prepare(`SELECT count(*) AS n FROM audit WHERE ${ofPeople}`).get()?.n)
    const callers = file.database.prepare(`SELECT by, count(*) AS n FROM audit WHERE ${ofServices} GROUP BY by`).all()
    this.#byCaller = new Tally(callers.map(({ by, n }) => [String(by), Number(n)]))
    this.#ofServices = callers.reduce((sum, { n }) => sum + Number(n), 0)
  }

  record(entry: AuditEntry): void {
    const { at, by, remote, action, subject, revision, forced } = entry
    const { database } = this.#file
    this.#file.transaction(() => {
      const insert = database.prepare('INSERT INTO audit (at, by, remote, action, subject, revision, forced) VALUES (?, ?, ?, ?, ?, ?, ?)')
      insert.run(at, by, remote, action, subject, revision, Number(forced))
      if (serviceActions.includes(action)) this.#makeRoomAmongServices(by)
      else this.#makeRoomAmongPeople()
    })
  }

  #makeRoomAmongPeople(): void {
    const surplus = Math.max(0, this.#ofPeople + 1 - this.#most)
    const gone = surplus === 0 ? 0 : this.#drop(`SELECT number FROM audit WHERE ${ofPeople} ORDER BY number LIMIT ?`, surplus)
    this.#file.afterCommit(() => {
      this.#ofPeople += 1 - gone
    })
  }

  // One that asks as often as it may pushes out what it asked before, and nothing of the others.
  #makeRoomAmongServices(by: string): void {
    const counts = new Map([[by, 1]])
    for (let surplus = this.#ofServices + 1 - this.#most; surplus > 0; surplus--) {
      const loudest = this.#loudest(counts)
      this.#drop(`SELECT number FROM audit WHERE ${ofServices} AND by = ? ORDER BY number LIMIT 1`, loudest)
      counts.set(loudest, (counts.get(loudest) ?? 0) - 1)
    }
    this.#file.afterCommit(() => {
      for (const [caller, change] of counts) {
        this.#byCaller.add(caller, change)
        this.#ofServices += change
      }
    })
  }

  /** Who has the most, `changes` counted in. */
  #loudest(changes: ReadonlyMap<string, number>): string {
    let loudest = ''
    let most = 0
    for (const caller of new Set([...this.#byCaller.names, ...changes.keys()])) {
      const count = this.#byCaller.of(caller) + (changes.get(caller) ?? 0)
      if (count > most) [loudest, most] = [caller, count]
    }
    return loudest
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

  /** Those whose numbers a query finds; returns how many went. */
  #drop(numbers: string, value: string | number): number {
    return Number(this.#file.database.prepare(`DELETE FROM audit WHERE number IN (${numbers})`).run(value).changes)
  }
}
