/** Plays behaviours in the handlers of a real server of grpc-js. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Server,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status as Status,
  type sendUnaryData,
} from '@grpc/grpc-js'
import type { Behaviour } from '../case.ts'
import { piece } from '../seen.ts'
import type { Serve } from '../wire.ts'
import { healthAnswer, healthPath } from './grpc-health.ts'
import { endOf, metadataOf, shop, toldBy } from './grpc-words.ts'

type Writable = ServerWritableStream<Buffer, Buffer>
/** A call in its handler, of whichever of the four kinds. */
export type ServedCall = ServerUnaryCall<Buffer, Buffer> & NodeJS.EventEmitter
type Answer = sendUnaryData<Buffer>

/** What the server of an instance does besides. */
export interface InstanceHooks {
  /** A call has begun. */
  began(call: ServedCall): void
  /** Loses the connection of a call. */
  cut(call: ServedCall): void
}

const same = (bytes: Buffer): Buffer => bytes
const checks = {
  Check: {
    path: healthPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} as ServiceDefinition

/** A server whose handlers do what `serve` says; it has no port yet. Checks of its health are calls like any other. */
export function servingShop(serve: Serve, hooks: InstanceHooks): Server {
  const play = (call: ServedCall, answer: Answer | undefined, whole: Buffer): void => void behave(call, { serve, hooks, answer, whole })
  const plain = (call: ServedCall, answer?: Answer): void => play(call, answer, Buffer.from(piece))
  const server = new Server({ 'grpc.enable_channelz': 0 })
  server.addService(shop, Object.fromEntries(Object.keys(shop).map((name) => [name, plain])))
  server.addService(checks, {
    Check: (call: ServerUnaryCall<Buffer, Buffer>, answer: Answer) => play(call, answer, healthAnswer(call.request)),
  })
  return server
}

interface Part {
  readonly serve: Serve
  readonly hooks: InstanceHooks
  /** Undefined where answers are streams. */
  readonly answer: Answer | undefined
  /** The one message where they are none. */
  readonly whole: Buffer
}

async function behave(call: ServedCall, { serve, hooks, answer, whole }: Part): Promise<void> {
  // Rounded up: the time on the wire is in whole milliseconds, some of which have passed.
  const behaviour = serve(toldBy(call.metadata, Math.ceil(Number(call.getDeadline()) - Date.now())))
  hooks.began(call)
  // The end of every call, and the only sign of a caller that has left.
  const over = new Promise<void>((resolve) => call.once('cancelled', resolve))
  await Promise.race([over, whenWhole(call)])
  if (behaviour.kind === 'silent') return
  if (behaviour.afterMs > 0) await sleep(behaviour.afterMs)
  if (call.cancelled) return
  const { code, details, trailers } = endOf(behaviour)
  const metadata = metadataOf(trailers)
  if (behaviour.kind === 'cut' && behaviour.at !== 'body') {
    if (behaviour.at === 'mid-head') await sendHead(call)
    hooks.cut(call)
  } else if (code !== Status.OK) {
    if (answer === undefined) (call as unknown as Writable).emit('error', { code, details, metadata })
    else answer({ code, details, metadata })
  } else if (answer !== undefined) answer(null, whole)
  else {
    await write(call as unknown as Writable, behaviour)
    if (behaviour.kind === 'cut') setImmediate(() => hooks.cut(call))
    else if (!call.cancelled) (call as unknown as Writable).end(metadata)
  }
}

async function write(call: Writable, { pieces, everyMs }: Behaviour): Promise<void> {
  for (let number = 0; number < pieces; number++) {
    if (number > 0 && everyMs > 0) await sleep(everyMs)
    if (call.cancelled) return
    await Promise.race([
      new Promise((resolve) => call.once('cancelled', resolve)),
      new Promise((resolve) => call.write(Buffer.from(piece), resolve)),
    ])
  }
}

// The head without the message that it comes before.
async function sendHead(call: ServedCall): Promise<void> {
  call.sendMetadata(metadataOf({}))
  await sleep(10)
}

function whenWhole(call: ServedCall): Promise<void> {
  const streams = call as unknown as Partial<ServerReadableStream<Buffer, Buffer>>
  return new Promise((resolve) => (streams.resume === undefined ? resolve() : streams.resume().once('end', resolve)))
}
