/** How cart joins the mesh: the only file of this service that knows there is one. */
import { createMesh } from '@zerohop/mesh-core'
import { meshClient } from '@zerohop/mesh-grpc'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { InventoryClient } from '../../proto/inventory.ts'
import { PaymentClient } from '../../proto/payment.ts'
import { registry } from '../../web/registry.ts'
import { setting } from '../../web/settings.ts'

/** This process as a member of the mesh. */
export const mesh = createMesh({
  service: 'cart',
  control: setting('SHOP_CONTROL'),
  token: setting('SHOP_TOKEN'),
  lastGood: setting('SHOP_LAST_GOOD'),
  ...(await registry({ calls: ['inventory', 'payment', 'user'] })),
})

/** `fetch` to which `http://user/…` is a service of the mesh. */
export const fetch = meshFetch(mesh)

/** Clients of grpc-js whose calls go over the mesh. */
export const inventory = meshClient(mesh, 'inventory', InventoryClient)
export const payment = meshClient(mesh, 'payment', PaymentClient)

/** Serves an application to the mesh on a free port, and lists it there. */
export const serve = (app: Parameters<typeof serveHttp>[1]) =>
  serveHttp(mesh, app, { port: 0, host: '127.0.0.1', version: setting('SHOP_VERSION') })
