/** What the warehouse holds, and what is put aside for orders. */
import { openDatabase, transaction } from '../../web/database.ts'

const firstDelivery = 1_000_000
const articles = ['beans', 'rice', 'olive-oil', 'flour', 'honey', 'tea', 'coffee', 'salt', 'pepper', 'pasta', 'tomatoes', 'chocolate']

/** The warehouse's book. */
export class Stock {
  readonly #database = openDatabase(
    'inventory',
    `CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, units INTEGER NOT NULL CHECK (units >= 0)) STRICT;
     CREATE TABLE IF NOT EXISTS reservations (order_id TEXT, sku TEXT, units INTEGER NOT NULL, PRIMARY KEY (order_id, sku)) STRICT;`,
  )
  readonly #units = this.#database.prepare('SELECT units FROM stock WHERE sku = ?')
  readonly #take = this.#database.prepare('UPDATE stock SET units = units - ?1 WHERE sku = ?2 AND units >= ?1')
  readonly #giveBack = this.#database.prepare(
    'UPDATE stock SET units = stock.units + r.units FROM reservations r WHERE r.order_id = ? AND r.sku = stock.sku',
  )
  readonly #note = this.#database.prepare('INSERT INTO reservations (order_id, sku, units) VALUES (?, ?, ?)')
  readonly #noted = this.#database.prepare('SELECT 1 FROM reservations WHERE order_id = ? AND sku = ?')
  readonly #forget = this.#database.prepare('DELETE FROM reservations WHERE order_id = ?')

  constructor() {
    const deliver = this.#database.prepare('INSERT OR IGNORE INTO stock (sku, units) VALUES (?, ?)')
    transaction(this.#database, () => {
      for (const sku of articles) deliver.run(sku, firstDelivery)
    })
  }

  /** Units that are free; null for an article that the warehouse does not know. */
  units(sku: string): number | null {
    const row = this.#units.get(sku) as { units: number } | undefined
    return row === undefined ? null : row.units
  }

  /** Puts units aside for an order, once however often it is asked; false where there are too few. */
  reserve(orderId: string, sku: string, units: number): boolean {
    return transaction(this.#database, () => {
      if (this.#noted.get(orderId, sku) !== undefined) return true
      if (this.#take.run(units, sku).changes === 0) return false
      this.#note.run(orderId, sku, units)
      return true
    })
  }

  /** Gives back whatever an order had put aside. */
  release(orderId: string): void {
    transaction(this.#database, () => {
      this.#giveBack.run(orderId)
      this.#forget.run(orderId)
    })
  }
}
