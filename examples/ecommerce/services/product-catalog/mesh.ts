/** How product-catalog joins the mesh: the only file of this service that knows there is one. */
import { createMesh } from '@zerohop/mesh-core'
import { meshClient } from '@zerohop/mesh-grpc'
import { serveHttp } from '@zerohop/mesh-http'
import { InventoryClient } from '../../proto/inventory.ts'
import { registry } from '../../web/registry.ts'
import { setting } from '../../web/settings.ts'

/** This process as a member of the mesh. */
export const mesh = createMesh({
  service: 'product-catalog',
  control: setting('SHOP_CONTROL'),
  token: setting('SHOP_TOKEN'),
  lastGood: setting('SHOP_LAST_GOOD'),
  ...(await registry({ calls: ['inventory'] })),
})

/** A client of grpc-js whose calls go over the mesh. */
export const inventory = meshClient(mesh, 'inventory', InventoryClient)

/** Serves an application to the mesh on a free port, and lists it there. */
export const serve = (app: Parameters<typeof serveHttp>[1]) =>
  serveHttp(mesh, app, { port: 0, host: '127.0.0.1', version: setting('SHOP_VERSION') })
