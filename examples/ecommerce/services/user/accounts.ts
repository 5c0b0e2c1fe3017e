/** The shop's customers. */
import { openDatabase, transaction } from '../../web/database.ts'

/** One customer. */
export interface Account {
  readonly id: string
  readonly name: string
  readonly card: string
}

const customers = 5000

/** The book of customers. */
export class Accounts {
  readonly #database = openDatabase(
    'user',
    'CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, name TEXT NOT NULL, card TEXT NOT NULL) STRICT;',
  )
  readonly #find = this.#database.prepare('SELECT id, name, card FROM accounts WHERE id = ?')

  constructor() {
    const open = this.#database.prepare('INSERT OR IGNORE INTO accounts (id, name, card) VALUES (?, ?, ?)')
    transaction(this.#database, () => {
      for (let n = 0; n < customers; n++) open.run(`u-${n}`, `Customer ${n}`, `card-${n}`)
    })
  }

  find(id: string): Account | undefined {
    return this.#find.get(id) as Account | undefined
  }
}
