/** The inventory: how much of each article there is, and what is put aside for orders. */
import { setTimeout as pause } from 'node:timers/promises'
import { Server } from '@grpc/grpc-js'
import { type Done, InventoryClient, type StockReply } from '../../proto/inventory.ts'
import { serveAdmin } from '../../web/admin.ts'
import { checkedName } from '../../web/fields.ts'
import { Problem } from '../../web/problem.ts'
import { unary } from '../../web/unary.ts'
import { mesh, serve } from './mesh.ts'
import { Stock } from './stock.ts'

// The warehouse confirms every reservation at the shelf, which takes this long however idle the computers are.
const shelfMs = 25
const mostSkus = 100
const mostUnits = 99

const stock = new Stock()

await serveAdmin(mesh)

const server = new Server()
server.addService(InventoryClient.service, {
  stock: unary<StockReply>((request) => {
    const skus = request.list('skus', mostSkus).map((sku) => checkedName(sku, 'skus'))
    const units: Record<string, number> = {}
    for (const sku of skus) {
      const free = stock.units(sku)
      if (free !== null) units[sku] = free
    }
    return { units }
  }),
  reserve: unary<Done>(async (request) => {
    const [order, sku, units] = [request.name('order'), request.name('sku'), request.count('units', mostUnits)]
    await pause(shelfMs)
    if (!stock.reserve(order, sku, units)) throw new Problem(409, `there is not enough of ${sku}`)
    return {}
  }),
  release: unary<Done>((request) => {
    stock.release(request.name('order'))
    return {}
  }),
})
const { port } = await serve(server)
console.log(`listening on 127.0.0.1:${port} for gRPC`)
