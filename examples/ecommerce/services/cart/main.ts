/** The cart: what a shopper wants, and its way to an order. */
import type { StockReply } from '../../proto/inventory.ts'
import { serveAdmin } from '../../web/admin.ts'
import { answerOf } from '../../web/answer-of.ts'
import { asker } from '../../web/ask.ts'
import { checkedName, Fields } from '../../web/fields.ts'
import { Problem } from '../../web/problem.ts'
import { router } from '../../web/router.ts'
import { Cashier } from './cashier.ts'
import { Checkout } from './checkout.ts'
import { fetch, inventory, mesh, payment, serve } from './mesh.ts'
import { type Item, Orders } from './orders.ts'

const mostLines = 20
const mostUnits = 99
const dearestCents = 1_000_000

const ask = asker(fetch)
const orders = new Orders()
const cashier = new Cashier(orders, payment)
const checkout = new Checkout(orders, cashier, { ask, inventory })
cashier.work()

function readItem(value: unknown): Item {
  const fields = new Fields(value)
  return { sku: fields.name('sku'), units: fields.count('units', mostUnits), cents: fields.count('cents', dearestCents) }
}

async function putItems(user: string, body: unknown): Promise<readonly Item[]> {
  const items = new Fields(body).list('items', mostLines).map(readItem)
  const stock = await answerOf<StockReply>((done) => inventory.stock({ skus: items.map(({ sku }) => sku) }, done))
  const short = items.find(({ sku, units }) => (stock.units[sku] ?? 0) < units)
  if (short !== undefined) throw new Problem(409, `there is not enough of ${short.sku}`)
  orders.put(user, items)
  return orders.items(user)
}

await serveAdmin(mesh, {
  // The switch between the two ways to ask inventory; an operator would use a flag service.
  'PUT /_flags': async ({ json }) => {
    checkout.asksInParallel = new Fields(await json()).flag('asksInParallel')
    return { body: { asksInParallel: checkout.asksInParallel } }
  },
})

const server = await serve(
  router({
    'GET /carts/:user': ({ params }) => ({ body: { items: orders.items(checkedName(params.user, 'user')) } }),
    'PUT /carts/:user/items': async ({ params, json }) => ({
      body: { items: await putItems(checkedName(params.user, 'user'), await json()) },
    }),
    'POST /carts/:user/checkout': async ({ params, headers }) => {
      const id = checkedName(headers['idempotency-key'], 'Idempotency-Key')
      const { order, timings } = await checkout.run(checkedName(params.user, 'user'), id)
      const timing = Object.entries(timings).map(([part, ms]) => `${part};dur=${ms.toFixed(1)}`)
      return { body: { id: order.id, status: order.status, paidBy: order.paidBy }, headers: { 'server-timing': timing.join(', ') } }
    },
    'GET /orders/:order': ({ params }) => {
      const order = orders.find(checkedName(params.order, 'order'))
      if (order === undefined) throw new Problem(404, `there is no order ${params.order}`)
      return { body: { id: order.id, status: order.status, paidBy: order.paidBy } }
    },
  }),
)
console.log(`listening on 127.0.0.1:${server.port} for HTTP`)
