/** Payment: charges a card, once per idempotency key. */
import { Server } from '@grpc/grpc-js'
import { type ChargeReply, PaymentClient } from '../../proto/payment.ts'
import { serveAdmin } from '../../web/admin.ts'
import { Fields } from '../../web/fields.ts'
import { Problem } from '../../web/problem.ts'
import { setting } from '../../web/settings.ts'
import { unary } from '../../web/unary.ts'
import { Bank } from './bank.ts'
import { Ledger } from './ledger.ts'
import { mesh, serve } from './mesh.ts'

const version = setting('SHOP_VERSION')
const dearestCents = 10_000_000
const longestDelayMs = 600_000

const ledger = new Ledger()
const bank = new Bank()

await serveAdmin(mesh, {
  // For rehearsals: makes the bank behind this instance slow.
  'PUT /_fault': async ({ json }) => {
    const delayMs = new Fields(await json()).count('delayMs', longestDelayMs)
    bank.slowDown(delayMs)
    return { body: { delayMs } }
  },
})

const server = new Server()
server.addService(PaymentClient.service, {
  charge: unary<ChargeReply>(async (request, left) => {
    const key = request.name('idempotencyKey')
    request.name('card')
    const cents = request.count('cents', dearestCents)
    const before = ledger.find(key)
    if (before === undefined) await bank.confirm(left)
    const charge = before ?? ledger.enter({ key, cents, version })
    if (charge.cents !== cents) throw new Problem(409, `${key} was already charged with another amount`)
    return { idempotencyKey: key, cents, version: charge.version }
  }),
})
const { port } = await serve(server)
console.log(`listening on 127.0.0.1:${port} for gRPC`)
