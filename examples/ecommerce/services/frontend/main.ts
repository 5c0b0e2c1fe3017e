/** The frontend: what shoppers see of the shop. */
import { serveAdmin } from '../../web/admin.ts'
import { asker } from '../../web/ask.ts'
import { checkedName, Fields } from '../../web/fields.ts'
import { router } from '../../web/router.ts'
import { type Article, homePage } from './home.ts'
import { fetch, mesh, serve } from './mesh.ts'

const mostLines = 20

const ask = asker(fetch)

await serveAdmin(mesh)

const server = await serve(
  router({
    'GET /': async () => {
      const { body } = await ask<Article[]>('http://product-catalog/products')
      return { body: homePage(body), headers: { 'content-type': 'text/html; charset=utf-8' } }
    },
    'GET /products/:sku': async ({ params }) => ({
      body: (await ask<Article>(`http://product-catalog/products/${checkedName(params.sku, 'sku')}`)).body,
    }),
    'GET /cart/:user': async ({ params }) => ({ body: (await ask(`http://cart/carts/${checkedName(params.user, 'user')}`)).body }),
    'POST /cart/:user': async ({ params, json }) => {
      const skus = new Fields(await json()).list('skus', mostLines).map((sku) => checkedName(sku, 'skus'))
      // The price is the catalog's, never the shopper's.
      const articles = await ask<Article[]>(`http://product-catalog/products?skus=${skus.join(',')}`)
      const items = articles.body.map(({ sku, cents }) => ({ sku, cents, units: 1 }))
      return { body: (await ask(`http://cart/carts/${checkedName(params.user, 'user')}/items`, { method: 'PUT', json: { items } })).body }
    },
    'GET /orders/:order': async ({ params }) => ({ body: (await ask(`http://cart/orders/${checkedName(params.order, 'order')}`)).body }),
    'POST /checkout': async ({ json }) => {
      const fields = new Fields(await json())
      // The shopper's browser numbers the order, so that a second click buys nothing twice.
      const headers = { 'idempotency-key': fields.name('order') }
      const { body, headers: answered } = await ask<{ status: string }>(`http://cart/carts/${fields.name('user')}/checkout`, {
        method: 'POST',
        headers,
      })
      const saved = body.status === 'saved'
      return {
        status: saved ? 202 : 200,
        body: saved ? { ...body, message: 'payment is busy, your order is saved' } : body,
        headers: { 'server-timing': answered.get('server-timing') ?? '' },
      }
    },
  }),
)
console.log(`listening on 127.0.0.1:${server.port} for HTTP`)
