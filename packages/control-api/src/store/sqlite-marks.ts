/** High-water marks in SQLite. */
import type { MarkStore } from './mark-store.ts'
import type { SqliteFile } from './sqlite-file.ts'

/** Each raise is a transaction: raise in blocks, not by ones. */
export class SqliteMarks implements MarkStore {
  readonly #file: SqliteFile

  constructor(file: SqliteFile) {
    this.#file = file
  }

  get(name: string): number {
    return Number(this.#file.database.prepare('SELECT value FROM marks WHERE name = ?').get(name)?.value ?? 0)
  }

  raise(name: string, value: number): void {
    this.#file.transaction(() => {
      this.#file.database
        .prepare('INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)')
        .run(name, value)
    })
  }
}
