/** Payment: charges a card, once per idempotency key. */
import { serveAdmin } from '../../web/admin.ts'
import { checkedName, Fields } from '../../web/fields.ts'
import { Problem } from '../../web/problem.ts'
import { router } from '../../web/router.ts'
import { setting } from '../../web/settings.ts'
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

const server = await serve(
  router({
    'POST /charges': async ({ headers, json, left }) => {
      const key = checkedName(headers['idempotency-key'], 'Idempotency-Key')
      const fields = new Fields(await json())
      fields.name('card')
      const cents = fields.count('cents', dearestCents)
      const before = ledger.find(key)
      if (before === undefined) await bank.confirm(left)
      const charge = before ?? ledger.enter({ key, cents, version })
      if (charge.cents !== cents) throw new Problem(422, `${key} was already charged with another amount`)
      return { status: before === undefined ? 201 : 200, body: charge }
    },
  }),
)
console.log(`listening on 127.0.0.1:${server.port}`)
