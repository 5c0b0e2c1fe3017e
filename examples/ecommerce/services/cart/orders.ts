/** Carts and orders, as the cart service keeps them. */
import { openDatabase, transaction } from '../../web/database.ts'

/** One line of a cart. */
export interface Item {
  readonly sku: string
  readonly units: number
  readonly cents: number
}

/** One order; `saved` waits for payment to have time for it. */
export interface Order {
  readonly id: string
  readonly user: string
  readonly card: string
  readonly cents: number
  readonly status: 'saved' | 'paid' | 'declined'
  /** The version of payment that charged it; '' while none did. */
  readonly paidBy: string
}

/** The cart's book; all instances write the same one. */
export class Orders {
  readonly #database = openDatabase(
    'cart',
    `CREATE TABLE IF NOT EXISTS items (user TEXT, sku TEXT, units INTEGER NOT NULL, cents INTEGER NOT NULL, PRIMARY KEY (user, sku)) STRICT;
     CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user TEXT NOT NULL, card TEXT NOT NULL, cents INTEGER NOT NULL,
       status TEXT NOT NULL, paidBy TEXT NOT NULL DEFAULT '', leasedUntil INTEGER NOT NULL) STRICT;
     CREATE INDEX IF NOT EXISTS saved_orders ON orders (leasedUntil) WHERE status = 'saved';`,
  )
  readonly #items = this.#database.prepare('SELECT sku, units, cents FROM items WHERE user = ? ORDER BY sku')
  readonly #put = this.#database.prepare('INSERT OR REPLACE INTO items (user, sku, units, cents) VALUES (?, ?, ?, ?)')
  readonly #clear = this.#database.prepare('DELETE FROM items WHERE user = ?')
  readonly #find = this.#database.prepare('SELECT id, user, card, cents, status, paidBy FROM orders WHERE id = ?')
  readonly #place = this.#database.prepare(
    "INSERT OR IGNORE INTO orders (id, user, card, cents, status, leasedUntil) VALUES (?, ?, ?, ?, 'saved', ?)",
  )
  readonly #settle = this.#database.prepare('UPDATE orders SET status = ?, paidBy = ? WHERE id = ?')
  readonly #lease = this.#database.prepare(
    `UPDATE orders SET leasedUntil = ?1 WHERE id = (SELECT id FROM orders WHERE status = 'saved' AND leasedUntil <= ?2 ORDER BY leasedUntil LIMIT 1)
     RETURNING id, user, card, cents, status, paidBy`,
  )
  readonly #release = this.#database.prepare('UPDATE orders SET leasedUntil = 0 WHERE id = ?')

  items(user: string): readonly Item[] {
    return this.#items.all(user) as unknown as Item[]
  }

  /** Sets the units of some articles in a cart. */
  put(user: string, items: readonly Item[]): void {
    transaction(this.#database, () => {
      for (const { sku, units, cents } of items) this.#put.run(user, sku, units, cents)
    })
  }

  find(id: string): Order | undefined {
    return this.#find.get(id) as Order | undefined
  }

  /**
   * Turns a cart into an order, leased for `leaseMs` to the instance that is about to charge it; false where an order of this number
   * exists.
   */
  place(order: Order, leaseMs: number): boolean {
    return transaction(this.#database, () => {
      if (this.#place.run(order.id, order.user, order.card, order.cents, Date.now() + leaseMs).changes === 0) return false
      this.#clear.run(order.user)
      return true
    })
  }

  /** Writes down what became of an order. */
  settle(id: string, status: 'paid' | 'declined', paidBy: string): void {
    this.#settle.run(status, paidBy, id)
  }

  /** The saved order that has waited longest, leased for `leaseMs` to whoever asks; undefined where none waits. */
  lease(leaseMs: number): Order | undefined {
    const now = Date.now()
    return this.#lease.get(now + leaseMs, now) as Order | undefined
  }

  /** Gives a lease up, so that any instance may charge the order. */
  release(id: string): void {
    this.#release.run(id)
  }
}
