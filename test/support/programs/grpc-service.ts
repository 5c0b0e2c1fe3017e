/** An instance of a gRPC service with a certificate that the control API issues; it leaves on SIGTERM. */
import { Server } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { serveGrpc } from '@zerohop/mesh-grpc'
import { metricIn } from '../metric-in.ts'
import { quietLog } from '../quiet-log.ts'
import { waterWorks, waterWorksOf } from '../water-works.ts'
import { heldBytes } from './heap.ts'
import { answers, settingsOf, tell } from './with-parent.ts'

/** How an instance is started. */
export interface GrpcSettings {
  readonly service: string
  readonly instance: string
  readonly control: string
  readonly token: string
}

/** What it says of itself. */
export interface GrpcSeen {
  /** Certificates that it has had. */
  readonly issued: number
}

const { service, instance, control, token } = settingsOf<GrpcSettings>()
const mesh = createMesh({ service, instance, control, token, lastGood: false, log: quietLog })
const given = new Server()
given.addService(waterWorks, waterWorksOf(instance))
const server = await serveGrpc(mesh, given, { port: 0, host: '127.0.0.1', graceMs: 8000 })
await mesh.ready()

answers(
  'seen',
  async (): Promise<GrpcSeen> => ({ issued: metricIn(await mesh.metrics(), 'zerohop_identity_renewals_total', 'result="issued"') }),
)
answers('weight', async () => ({ bytes: await heldBytes() }))
await tell('up', { address: server.address })
