/** Tokens in SQLite: their hashes, never themselves. */
import type { SqliteFile } from './sqlite-file.ts'
import type { StoredToken, TokenStore } from './token-store.ts'

/** Read into memory once: every request asks for one. */
export class SqliteTokens implements TokenStore {
  readonly #file: SqliteFile
  readonly #tokens = new Map<string, StoredToken>()

  constructor(file: SqliteFile) {
    this.#file = file
    for (const row of file.database.prepare('SELECT * FROM tokens ORDER BY created_at').all()) {
      const id = String(row.id)
      const service = row.service === null ? null : String(row.service)
      const rest = { name: String(row.name), createdAt: Number(row.created_at), createdBy: String(row.created_by) }
      this.#tokens.set(id, { id, hash: String(row.hash), service, ...rest })
    }
  }

  get(id: string): StoredToken | null {
    return this.#tokens.get(id) ?? null
  }

  all(): Iterable<StoredToken> {
    return this.#tokens.values()
  }

  change({ add, drop = [] }: { readonly add?: StoredToken; readonly drop?: readonly string[] }): void {
    const { database } = this.#file
    this.#file.transaction(() => {
      for (const id of drop) database.prepare('DELETE FROM tokens WHERE id = ?').run(id)
      if (add !== undefined) {
        const insert = database.prepare('INSERT INTO tokens (id, hash, service, name, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)')
        insert.run(add.id, add.hash, add.service, add.name, add.createdAt, add.createdBy)
      }
      this.#file.afterCommit(() => {
        for (const id of drop) this.#tokens.delete(id)
        if (add !== undefined) this.#tokens.set(add.id, add)
      })
    })
  }
}
