/** Charges a card, once per idempotency key. */
import type { ChargeReply } from '../../proto/payment.ts'
import { Problem } from '../../web/problem.ts'
import type { Unary } from '../../web/unary.ts'
import type { Bank } from './bank.ts'
import type { Ledger } from './ledger.ts'

/** What it takes to charge. */
export interface Till {
  readonly ledger: Ledger
  readonly bank: Bank
  /** The version of this instance. */
  readonly version: string
}

const dearestCents = 10_000_000

/** What `Charge` does. A caller who leaves, or has no time left, before the bank has answered is not charged. */
export function charging({ ledger, bank, version }: Till): Unary<ChargeReply> {
  return async (request, left) => {
    const key = request.name('idempotencyKey')
    request.name('card')
    const cents = request.count('cents', dearestCents)
    const before = ledger.find(key)
    if (before === undefined) await bank.confirm(left)
    const charge = before ?? ledger.enter({ key, cents, version })
    if (charge.cents !== cents) throw new Problem(409, `${key} was already charged with another amount`)
    return { idempotencyKey: key, cents, version: charge.version }
  }
}
