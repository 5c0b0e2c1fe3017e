/** Asks an instance whether it is ready, as an orchestrator does: in plaintext, whatever the mesh lets in. */
import { Client, credentials } from '@grpc/grpc-js'

/** What a service speaks on its port. */
export type Protocol = 'HTTP' | 'gRPC'

const answerWithinMs = 2000
// `HealthCheckResponse { status: SERVING }` of grpc.health.v1; the request for the server as a whole has no field set, and so no byte.
const serving = Buffer.from([0x08, 0x01])
const asIs = (bytes: Buffer): Buffer => bytes

/** By `GET /readyz` or by grpc.health.v1; false where nothing answers. */
export function isReady(address: string, protocol: Protocol): Promise<boolean> {
  return protocol === 'HTTP' ? isReadyOverHttp(address) : isReadyOverGrpc(address)
}

async function isReadyOverHttp(address: string): Promise<boolean> {
  // A connection kept open from here would be one more that a draining instance has to wait for.
  const reply = await fetch(`http://${address}/readyz`, { headers: { connection: 'close' } }).catch(() => null)
  await reply?.body?.cancel()
  return reply?.status === 200
}

async function isReadyOverGrpc(address: string): Promise<boolean> {
  const client = new Client(address, credentials.createInsecure())
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const call = ['/grpc.health.v1.Health/Check', asIs, asIs, Buffer.alloc(0)] as const
  client.makeUnaryRequest(...call, { deadline: Date.now() + answerWithinMs }, (error, answer) => {
    resolve(error === null && answer?.equals(serving) === true)
  })
  try {
    return await promise
  } finally {
    client.close()
  }
}
