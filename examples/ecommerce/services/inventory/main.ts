/** The inventory: how much of each article there is, and what is put aside for orders. */
import { setTimeout as pause } from 'node:timers/promises'
import { serveAdmin } from '../../web/admin.ts'
import { checkedName, Fields } from '../../web/fields.ts'
import { Problem } from '../../web/problem.ts'
import { router } from '../../web/router.ts'
import { mesh, serve } from './mesh.ts'
import { Stock } from './stock.ts'

// The warehouse confirms every reservation at the shelf, which takes this long however idle the computers are.
const shelfMs = 25

const stock = new Stock()

await serveAdmin(mesh)

const server = await serve(
  router({
    'GET /stock': ({ query }) => {
      const skus = (query.get('skus') ?? '').split(',').map((sku) => checkedName(sku, 'skus'))
      return { body: { units: Object.fromEntries(skus.map((sku) => [sku, stock.units(sku)])) } }
    },
    'POST /reservations': async ({ json }) => {
      const fields = new Fields(await json())
      await pause(shelfMs)
      const sku = fields.name('sku')
      if (!stock.reserve(fields.name('order'), sku, fields.count('units', 99))) throw new Problem(409, `there is not enough of ${sku}`)
      return { status: 201, body: { reserved: sku } }
    },
    'DELETE /reservations/:order': ({ params }) => {
      stock.release(checkedName(params.order, 'order'))
      return { body: { released: params.order } }
    },
  }),
)
console.log(`listening on 127.0.0.1:${server.port}`)
