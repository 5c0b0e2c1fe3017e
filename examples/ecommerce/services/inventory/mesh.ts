/** How inventory joins the mesh: the only file of this service that knows there is one. */
import type { Server } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { serveGrpc } from '@zerohop/mesh-grpc'
import { registry } from '../../web/registry.ts'
import { setting } from '../../web/settings.ts'

/** This process as a member of the mesh. */
export const mesh = createMesh({
  service: 'inventory',
  control: setting('SHOP_CONTROL'),
  token: setting('SHOP_TOKEN'),
  lastGood: setting('SHOP_LAST_GOOD'),
  ...(await registry({ calls: [] })),
})

/** Serves gRPC services to the mesh on a free port, and lists them there. */
export const serve = (server: Server) => serveGrpc(mesh, server, { port: 0, host: '127.0.0.1', version: setting('SHOP_VERSION') })
