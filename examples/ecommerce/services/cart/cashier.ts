/** Takes the money for orders: at once where payment answers, later where it is busy. */
import type { asker } from '../../web/ask.ts'
import { Problem } from '../../web/problem.ts'
import type { Order, Orders } from './orders.ts'

// Longer than any call to payment may take, so that no second instance charges while the first still waits.
const leaseMs = 90_000
const roundMs = 500

/** Charges orders. */
export class Cashier {
  readonly #orders: Orders
  readonly #ask: ReturnType<typeof asker>

  constructor(orders: Orders, ask: ReturnType<typeof asker>) {
    this.#orders = orders
    this.#ask = ask
  }

  /** Saves the order, then charges it. Where payment is busy the order stays saved, and is charged later. */
  async take(order: Order): Promise<Order> {
    const placed = this.#orders.place(order, leaseMs)
    return placed ? this.#charge(order) : (this.#orders.find(order.id) ?? order)
  }

  /** Charges saved orders whenever payment has time, for as long as the process lives. */
  work(): void {
    setTimeout(async () => {
      try {
        for (let order = this.#orders.lease(leaseMs); order !== undefined; order = this.#orders.lease(leaseMs)) {
          if ((await this.#charge(order)).status === 'saved') break
        }
      } catch (error) {
        console.error(error)
      }
      this.work()
    }, roundMs).unref()
  }

  async #charge(order: Order): Promise<Order> {
    try {
      // The order's own number is the key: however often it is sent, by whichever instance, the card is charged once.
      const { body } = await this.#ask<{ version: string }>('http://payment/charges', {
        method: 'POST',
        headers: { 'idempotency-key': order.id },
        json: { card: order.card, cents: order.cents },
      })
      this.#orders.settle(order.id, 'paid', body.version)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.status >= 500 || error.status === 429) this.#orders.release(order.id)
      else this.#orders.settle(order.id, 'declined', '')
    }
    return this.#orders.find(order.id) ?? order
  }
}
