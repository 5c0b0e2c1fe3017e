/** Payment: charges a card, once per idempotency key. */
import { Server } from '@grpc/grpc-js'
import { PaymentClient } from '../../proto/payment.ts'
import { serveAdmin } from '../../web/admin.ts'
import { Fields } from '../../web/fields.ts'
import { setting } from '../../web/settings.ts'
import { unary } from '../../web/unary.ts'
import { Bank } from './bank.ts'
import { charging } from './charging.ts'
import { Ledger } from './ledger.ts'
import { mesh, serve } from './mesh.ts'

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
server.addService(PaymentClient.service, { charge: unary(charging({ ledger, bank, version: setting('SHOP_VERSION') })) })
const { port } = await serve(server)
console.log(`listening on 127.0.0.1:${port} for gRPC`)
