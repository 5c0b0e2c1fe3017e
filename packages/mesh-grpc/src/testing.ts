/** The face for tests of gRPC: scripted answers, and services that give them over real gRPC without a port. */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { type MethodDefinition, Server, type ServerDuplexStream, type ServiceDefinition, status as Status } from '@grpc/grpc-js'
import type { TestWire } from '@zerohop/mesh-core/testing'
import { IncomingMessages } from './incoming-messages.ts'
import { bytesOf, type GrpcRequest, grpcReply, metadataOf, ScriptedGrpcReply } from './reply.ts'
import { GrpcHost } from './server/grpc-host.ts'

export {
  type GrpcFields,
  type GrpcReplyFields,
  type GrpcReplyMaker,
  type GrpcRequest,
  type GrpcStep,
  grpcReply,
  type ScriptedGrpcReply,
} from './reply.ts'

/** Answers the calls of one method with a `grpcReply`, or with the one message that is its answer. */
export type GrpcHandler = (request: GrpcRequest<never>, n: number) => unknown

/**
 * A handler for `testMesh.service` whose messages are what a service definition makes of them, such as `PaymentClient.service`: objects, not
 * bytes. A method that has no handler is UNIMPLEMENTED.
 * @param handlers by the names of the methods, as the definition has them
 * @throws TypeError where it has no such method
 */
export function grpcService(
  definition: ServiceDefinition,
  handlers: Readonly<Record<string, GrpcHandler>>,
): (request: GrpcRequest, n: number) => Promise<ScriptedGrpcReply> {
  const methods = new Map<string, { method: MethodDefinition<unknown, unknown>; handler: GrpcHandler }>()
  for (const [name, handler] of Object.entries(handlers)) {
    const method = definition[name] ?? Object.values(definition).find(({ originalName }) => originalName === name)
    if (method === undefined)
      throw new TypeError(`grpcService: the service has no method ${name}; there are ${Object.keys(definition).join(', ')}`)
    methods.set(method.path, { method, handler })
  }
  return async (request, n) => {
    const found = methods.get(request.path)
    if (found === undefined) return grpcReply.status('UNIMPLEMENTED', `The server does not implement the method ${request.path}`)
    const { method, handler } = found
    const read = (bytes: Buffer): unknown => method.requestDeserialize(bytes)
    const { message, messages } = request
    const answer = await handler(
      { ...request, message: message === null ? null : read(message), messages: mapped(messages, read) } as never,
      n,
    )
    return (answer instanceof ScriptedGrpcReply ? answer : grpcReply(answer)).mapped((made) => method.responseSerialize(made))
  }
}

/** Fidelity `wire` of `testMesh`: the mesh's own client and grpc-js' own server, over byte streams within the process, in real time. */
export const grpcWire: TestWire = {
  alpn: ['h2'],
  serve: (answer) => {
    const server = new Server({ 'grpc.enable_channelz': 0 })
    const sessions = new Set<ServerHttp2Session>()
    let current: ServerHttp2Stream | null = null
    const host = new GrpcHost(server, {
      session: (session) => {
        sessions.add(session)
        session.on('error', () => {}).once('close', () => sessions.delete(session))
      },
      stream: (stream, headers) => {
        const path = headers[':path'] ?? ''
        // Whatever kind of method it is: on the wire all are streams.
        if (!host.knows(path))
          server.register(
            path,
            (call: ServerDuplexStream<Buffer, Buffer>) => void play(answer, path, { call, stream: current as ServerHttp2Stream }),
            bytesOf,
            whole,
            'bidi',
          )
        current = stream
        host.dispatch(stream, headers, null)
      },
    })
    return {
      accept: (socket) => host.inject(socket),
      close: () => {
        for (const session of sessions) session.destroy()
        host.destroy()
      },
    }
  },
}

/** A call on the server's side, and the stream below it. */
interface Played {
  readonly call: ServerDuplexStream<Buffer, Buffer>
  readonly stream: ServerHttp2Stream
}

async function play(answer: (request: unknown) => unknown, path: string, { call, stream }: Played): Promise<void> {
  const messages = new IncomingMessages()
  const leaving = new AbortController()
  call.on('data', (message: Buffer) => messages.push(message)).once('end', () => messages.end())
  call.once('cancelled', () => {
    messages.end()
    leaving.abort()
  })
  await messages.begun()
  const request: GrpcRequest = {
    path,
    method: path.slice(path.lastIndexOf('/') + 1),
    metadata: call.metadata,
    timeoutMs: Number(call.getDeadline()) - Date.now(),
    message: messages.first,
    messages,
    signal: leaving.signal,
  }
  try {
    const scripted = await answer(request)
    if (!(scripted instanceof ScriptedGrpcReply)) throw new TypeError('a scripted service answers with grpcReply(…)')
    await playReply(scripted, { call, stream })
  } catch {
    // A handler that throws is a service that crashes: the caller finds its connection cut.
    stream.session?.destroy()
  }
}

async function playReply(scripted: ScriptedGrpcReply, { call, stream }: Played): Promise<void> {
  const { code, details, trailers, head, ending, delayMs, steps } = scripted
  if (delayMs > 0) await sleep(delayMs)
  if (ending === 'never') return
  if (ending === 'broken-head') return void stream.session?.destroy()
  if (head !== null) call.sendMetadata(metadataOf(head))
  for await (const step of steps) {
    if (typeof step === 'number') await sleep(step)
    else await sent(call, bytesOf(step))
    if (call.cancelled) return
  }
  // Only once the bytes have gone: what was sent before the cut is part of the script.
  if (ending === 'broken-body') setImmediate(() => stream.session?.destroy())
  else if (code === Status.OK) call.end(metadataOf(trailers))
  else call.emit('error', { code, details, metadata: metadataOf(trailers) })
}

function sent(call: ServerDuplexStream<Buffer, Buffer>, message: Buffer): Promise<void> {
  return new Promise((resolve) => {
    call.once('cancelled', resolve)
    call.write(message, () => {
      call.off('cancelled', resolve)
      resolve()
    })
  })
}

function whole(bytes: Buffer): Buffer {
  return bytes
}

async function* mapped(messages: AsyncIterable<Buffer>, read: (bytes: Buffer) => unknown): AsyncGenerator<unknown> {
  for await (const message of messages) yield read(message)
}
