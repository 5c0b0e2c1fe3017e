/** Takes the money for orders: at once where payment answers, later where it is busy. */
import type { ChargeReply, PaymentClient } from '../../proto/payment.ts'
import { answerOf } from '../../web/answer-of.ts'
import { Problem } from '../../web/problem.ts'
import type { Order, Orders } from './orders.ts'

// Longer than any call to payment may take, so that no second instance charges while the first still waits.
const leaseMs = 90_000
const roundMs = 500
// What payment answers about the charge itself. Whoever is turned away at its door, or hears nothing, knows nothing of the charge.
const final = new Set([400, 409])

/** Charges orders. */
export class Cashier {
  readonly #orders: Orders
  readonly #payment: PaymentClient

  constructor(orders: Orders, payment: PaymentClient) {
    this.#orders = orders
    this.#payment = payment
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
      const request = { card: order.card, cents: order.cents, idempotencyKey: order.id }
      const { version } = await answerOf<ChargeReply>((done) => this.#payment.charge(request, done))
      this.#orders.settle(order.id, 'paid', version)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (final.has(error.status)) this.#orders.settle(order.id, 'declined', '')
      else this.#orders.release(order.id)
    }
    return this.#orders.find(order.id) ?? order
  }
}
