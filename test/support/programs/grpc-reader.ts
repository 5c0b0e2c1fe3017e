/** Reads a long stream of the water works, in gulps, and says how much it has drunk and what it holds. */
import { type ClientReadableStream, Metadata } from '@grpc/grpc-js'
import { createMesh } from '@zerohop/mesh-core'
import { meshClient } from '@zerohop/mesh-grpc'
import { quietLog } from '../quiet-log.ts'
import { type Pouring, WaterWorksClient } from '../water-works.ts'
import type { GrpcSettings } from './grpc-service.ts'
import { heldBytes } from './heap.ts'
import { answers, settingsOf, tell } from './with-parent.ts'

/** What is read, and of whom. */
export interface ReaderSettings extends GrpcSettings {
  readonly from: string
  readonly pouring: Pouring
}

/** After a gulp. */
export interface Drunk {
  readonly bytes: number
  /** The status of the stream; null while it goes on. */
  readonly status: number | null
}

const { service, instance, control, token, from, pouring } = settingsOf<ReaderSettings>()
const mesh = createMesh({ service, instance, control, token, lastGood: false, log: quietLog })
await mesh.ready()
const client = meshClient(mesh, from, WaterWorksClient)
let stream: ClientReadableStream<Buffer> | null = null
let bytes = 0
let status: number | null = null
let due = 0
let enough = (): void => {}
// It lives until it is ended: a stream that is over would keep it alive no longer.
setInterval(() => {}, 60_000)

function begun(): ClientReadableStream<Buffer> {
  const poured = client.pour(Buffer.from(JSON.stringify(pouring)))
  poured.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes < due) return
    poured.pause()
    enough()
  })
  poured.on('status', ({ code }) => {
    status = code
    enough()
  })
  return poured.on('error', () => {}).pause()
}

// Reads on until it has drunk so much more, and then not at all until it is asked again.
answers<{ more: number }>('gulp', async ({ more }): Promise<Drunk> => {
  due = bytes + more
  stream ??= begun()
  const { promise, resolve } = Promise.withResolvers<void>()
  enough = resolve
  stream.resume()
  if (status === null) await promise
  return { bytes, status }
})
answers('weight', async () => ({ bytes: await heldBytes() }))

// The connection is there, and the code is warm, before anything is weighed.
await new Promise<void>((resolve, reject) => {
  client.ask(Buffer.alloc(0), new Metadata({ waitForReady: true }), {}, (error) => (error === null ? resolve() : reject(error)))
})
await tell('up')
