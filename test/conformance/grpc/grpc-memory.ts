/** Plays behaviours of gRPC services in memory. */
import { type GrpcRequest, grpcReply, type ScriptedGrpcReply } from '@zerohop/mesh-grpc/testing'
import type { Behaviour } from '../case.ts'
import { piece } from '../seen.ts'
import type { Serve } from '../wire.ts'
import { healthAnswer, isHealthCheck } from './grpc-health.ts'
import { endOf, toldBy } from './grpc-words.ts'

/** Answers `request` as `serve` says, once it is here whole. */
export async function answerInMemory(request: unknown, serve: Serve): Promise<ScriptedGrpcReply> {
  const { path, metadata, timeoutMs, message, messages } = request as GrpcRequest
  const behaviour = serve(toldBy(metadata, timeoutMs))
  for await (const _ of messages) {
    // Until all are here.
  }
  const answer = isHealthCheck(path) ? [healthAnswer(message ?? Buffer.alloc(0))] : bodyOf(behaviour)
  return replyOf(behaviour, answer)
}

function bodyOf({ pieces, everyMs }: Behaviour): (string | number)[] {
  return Array.from({ length: pieces }, (_, number) => (number > 0 && everyMs > 0 ? [everyMs, piece] : [piece])).flat()
}

function replyOf(behaviour: Behaviour, steps: readonly unknown[]): ScriptedGrpcReply {
  const { kind, at, afterMs } = behaviour
  const { code, details, trailers } = endOf(behaviour)
  if (kind === 'silent') return grpcReply.never()
  if (kind === 'cut') return grpcReply.delayed(afterMs, grpcReply.broken(at === 'body' ? { at, messages: steps } : { at: 'head' }))
  return grpcReply.delayed(afterMs, code === 0 ? grpcReply.from(steps, { trailers }) : grpcReply.status(code, details, { trailers }))
}
