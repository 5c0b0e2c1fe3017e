/** Checkout: who buys, whether there is enough of everything, the money, and where the time went. */
import type { InventoryClient } from '../../proto/inventory.ts'
import { answerOf } from '../../web/answer-of.ts'
import type { asker } from '../../web/ask.ts'
import { Problem } from '../../web/problem.ts'
import type { Cashier } from './cashier.ts'
import type { Item, Order, Orders } from './orders.ts'

/** A checkout that ended, with or without the money. */
export interface CheckedOut {
  readonly order: Order
  /** Milliseconds by part, for a Server-Timing header. */
  readonly timings: Readonly<Record<string, number>>
}

/** The services that a checkout asks itself. */
export interface Asked {
  /** For the user service. */
  readonly ask: ReturnType<typeof asker>
  readonly inventory: InventoryClient
}

/** Turns carts into orders. */
export class Checkout {
  /** True: inventory is asked for all articles at once. False: for one after the other. */
  asksInParallel = false
  readonly #orders: Orders
  readonly #cashier: Cashier
  readonly #ask: Asked['ask']
  readonly #inventory: InventoryClient

  constructor(orders: Orders, cashier: Cashier, { ask, inventory }: Asked) {
    this.#orders = orders
    this.#cashier = cashier
    this.#ask = ask
    this.#inventory = inventory
  }

  /** Checks a cart out under the number `id`; asked again, it answers what became of the order. @throws Problem */
  async run(user: string, id: string): Promise<CheckedOut> {
    const before = this.#orders.find(id)
    if (before !== undefined) return { order: before, timings: {} }
    const items = this.#orders.items(user)
    if (items.length === 0) throw new Problem(409, 'the cart is empty')
    const start = performance.now()
    const buyer = await this.#ask<{ card: string }>(`http://user/users/${user}`)
    const known = performance.now()
    await this.#reserve(id, items)
    const reserved = performance.now()
    const cents = items.reduce((sum, item) => sum + item.units * item.cents, 0)
    const order = await this.#cashier.take({ id, user, card: buyer.body.card, cents, status: 'saved', paidBy: '' })
    if (order.status === 'declined') await answerOf((done) => this.#inventory.release({ order: id }, done))
    const end = performance.now()
    return { order, timings: { user: known - start, stock: reserved - known, payment: end - reserved, checkout: end - start } }
  }

  async #reserve(order: string, items: readonly Item[]): Promise<void> {
    if (this.asksInParallel) await Promise.all(items.map((item) => this.#reserveOne(order, item)))
    else for (const item of items) await this.#reserveOne(order, item)
  }

  async #reserveOne(order: string, { sku, units }: Item): Promise<void> {
    await answerOf((done) => this.#inventory.reserve({ order, sku, units }, done))
  }
}
