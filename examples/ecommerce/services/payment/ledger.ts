/** Every charge, under the key by which it was asked for: asked twice, charged once. */
import { openDatabase } from '../../web/database.ts'

/** One charge. */
export interface Charge {
  readonly key: string
  readonly cents: number
  /** The version of this service that charged. */
  readonly version: string
}

/** Payment's book; all instances write the same one. */
export class Ledger {
  readonly #database = openDatabase(
    'payment',
    'CREATE TABLE IF NOT EXISTS charges (key TEXT PRIMARY KEY, cents INTEGER NOT NULL, version TEXT NOT NULL) STRICT;',
  )
  readonly #find = this.#database.prepare('SELECT key, cents, version FROM charges WHERE key = ?')
  readonly #enter = this.#database.prepare('INSERT OR IGNORE INTO charges (key, cents, version) VALUES (?, ?, ?)')

  find(key: string): Charge | undefined {
    return this.#find.get(key) as Charge | undefined
  }

  /** Enters a charge; returns the one that stands under its key, which another instance may have entered first. */
  enter(charge: Charge): Charge {
    this.#enter.run(charge.key, charge.cents, charge.version)
    return this.find(charge.key) as Charge
  }
}
