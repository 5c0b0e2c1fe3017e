/** Tokens in SQLite: their hashes, never themselves. */
import type { SqliteFile } from './sqlite-file.ts'
import type { SpentToken, StoredToken, TokenStore } from './token-store.ts'

type Row = Readonly<Record<string, unknown>>

/** Read into memory once: every request asks for one. */
export class SqliteTokens implements TokenStore {
  readonly #file: SqliteFile
  readonly #tokens = new Map<string, StoredToken>()

  constructor(file: SqliteFile) {
    this.#file = file
    for (const row of file.database.prepare('SELECT * FROM tokens ORDER BY created_at, rowid').all()) {
      this.#tokens.set(String(row.id), tokenOf(row))
    }
  }

  get(id: string): StoredToken | null {
    return this.#tokens.get(id) ?? null
  }

  all(): Iterable<StoredToken> {
    return this.#tokens.values()
  }

  change({ put = [], drop = [] }: { readonly put?: readonly StoredToken[]; readonly drop?: readonly string[] }): void {
    const { database } = this.#file
    this.#file.transaction(() => {
      for (const id of drop) database.prepare('DELETE FROM tokens WHERE id = ?').run(id)
      for (const token of put) this.#write(token)
      this.#file.afterCommit(() => {
        for (const id of drop) this.#tokens.delete(id)
        for (const token of put) this.#tokens.set(token.id, token)
      })
    })
  }

  #write(token: StoredToken): void {
    // An update in place of a replacement: the row keeps its place among those of the same millisecond.
    const insert = this.#file.database.prepare(
      `INSERT INTO tokens (id, hash, service, name, created_at, created_by, expires_at, single_use, spent, revoked_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET spent = excluded.spent, revoked_at = excluded.revoked_at`,
    )
    const { id, hash, service, name, createdAt, createdBy, expiresAt, singleUse, spent, revokedAt } = token
    const spentText = spent === null ? null : JSON.stringify(spent)
    insert.run(id, hash, service, name, createdAt, createdBy, expiresAt, Number(singleUse), spentText, revokedAt)
  }
}

function tokenOf(row: Row): StoredToken {
  return {
    id: String(row.id),
    hash: String(row.hash),
    service: row.service === null ? null : String(row.service),
    name: String(row.name),
    createdAt: Number(row.created_at),
    createdBy: String(row.created_by),
    expiresAt: numberOf(row.expires_at),
    singleUse: Number(row.single_use) === 1,
    spent: row.spent === null ? null : (JSON.parse(String(row.spent)) as SpentToken),
    revokedAt: numberOf(row.revoked_at),
  }
}

function numberOf(value: unknown): number | null {
  return value === null ? null : Number(value)
}
