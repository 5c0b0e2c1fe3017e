/** The catalog: what is for sale, and how much of it is left. */
import { serveAdmin } from '../../web/admin.ts'
import { asker } from '../../web/ask.ts'
import { Problem } from '../../web/problem.ts'
import { router } from '../../web/router.ts'
import { fetch, mesh, serve } from './mesh.ts'
import { type Product, products } from './products.ts'

const ask = asker(fetch)
const bySku = new Map(products.map((product) => [product.sku, product]))

function find(sku: string): Product {
  const product = bySku.get(sku)
  if (product === undefined) throw new Problem(404, `there is no article ${JSON.stringify(sku.slice(0, 64))}`)
  return product
}

async function withUnits(some: readonly Product[]): Promise<readonly (Product & { units: number | null })[]> {
  const { body } = await ask<{ units: Record<string, number | null> }>(
    `http://inventory/stock?skus=${some.map(({ sku }) => sku).join(',')}`,
  )
  return some.map((product) => ({ ...product, units: body.units[product.sku] ?? null }))
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
console.log(`listening on 127.0.0.1:${server.port}`)
