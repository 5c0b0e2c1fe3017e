/** How frontend joins the mesh: the only file of this service that knows there is one. */
import { createMesh } from '@zerohop/mesh-core'
import { meshFetch, serveHttp } from '@zerohop/mesh-http'
import { registry } from '../../web/registry.ts'
import { setting } from '../../web/settings.ts'

/** This process as a member of the mesh. */
export const mesh = createMesh({
  service: 'frontend',
  control: setting('SHOP_CONTROL'),
  token: setting('SHOP_TOKEN'),
  lastGood: setting('SHOP_LAST_GOOD'),
  ...(await registry({ calls: ['cart', 'product-catalog'] })),
})

/** `fetch` to which `http://cart/…` and the like are services of the mesh. */
export const fetch = meshFetch(mesh)

/** Serves an application to the mesh on a free port, and lists it there. */
export const serve = (app: Parameters<typeof serveHttp>[1]) =>
  serveHttp(mesh, app, { port: 0, host: '127.0.0.1', version: setting('SHOP_VERSION') })
