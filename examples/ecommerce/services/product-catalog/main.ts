/** The catalog: what is for sale, and how much of it is left. */
import type { StockReply } from '../../proto/inventory.ts'
import { serveAdmin } from '../../web/admin.ts'
import { answerOf } from '../../web/answer-of.ts'
import { Problem } from '../../web/problem.ts'
import { router } from '../../web/router.ts'
import { inventory, mesh, serve } from './mesh.ts'
import { type Product, products } from './products.ts'

const bySku = new Map(products.map((product) => [product.sku, product]))

function find(sku: string): Product {
  const product = bySku.get(sku)
  if (product === undefined) throw new Problem(404, `there is no article ${JSON.stringify(sku.slice(0, 64))}`)
  return product
}

async function withUnits(some: readonly Product[]): Promise<readonly (Product & { units: number | null })[]> {
  const { units } = await answerOf<StockReply>((done) => inventory.stock({ skus: some.map(({ sku }) => sku) }, done))
  return some.map((product) => ({ ...product, units: units[product.sku] ?? null }))
}

await serveAdmin(mesh)

const server = await serve(
  router({
    'GET /products': async ({ query }) => {
      const skus = query.get('skus')
      return { body: await withUnits(skus === null ? products : skus.split(',').map(find)) }
    },
    'GET /products/:sku': async ({ params }) => ({ body: (await withUnits([find(params.sku ?? '')]))[0] }),
  }),
)
console.log(`listening on 127.0.0.1:${server.port} for HTTP`)
