/** Plays behaviours of HTTP services in memory. */
import { reply, type ScriptedReply } from '@zerohop/mesh-http/testing'
import type { Behaviour } from '../case.ts'
import { piece } from '../seen.ts'
import type { Serve } from '../wire.ts'
import { headersOf, statusOf, toldBy } from './http-words.ts'

type Wait = (ms: number) => Promise<void>

/** Answers `request` as `serve` says, once it is here whole. */
export async function answerInMemory(request: unknown, serve: Serve, wait: Wait): Promise<ScriptedReply | Response> {
  const asked = request as Request
  const behaviour = serve(toldBy(asked.headers))
  await asked.arrayBuffer()
  const hasBody = behaviour.kind === 'answers' || (behaviour.kind === 'cut' && behaviour.at === 'body')
  if (!hasBody || behaviour.everyMs === 0) return replyOf(behaviour)
  if (behaviour.afterMs > 0) await wait(behaviour.afterMs)
  return new Response(slowBody(behaviour, wait), { status: Number(statusOf(behaviour)), headers: headersOf(behaviour) })
}

function slowBody({ kind, pieces, everyMs }: Behaviour, wait: Wait): ReadableStream<Uint8Array> {
  let sent = 0
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    if (sent === pieces) return controller.error(new Error('the connection was cut'))
    if (sent++ > 0) await wait(everyMs)
    controller.enqueue(Buffer.from(piece))
    if (sent === pieces && kind === 'answers') controller.close()
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

function replyOf(behaviour: Behaviour): ScriptedReply {
  const { kind, at, afterMs, pieces } = behaviour
  const body = piece.repeat(pieces)
  if (kind === 'silent') return reply.never()
  if (kind === 'cut') return reply.delayed(afterMs, reply.broken(at === 'body' ? { at, body } : { at: 'head' }))
  return reply.delayed(afterMs, reply(Number(statusOf(behaviour)), body, headersOf(behaviour)))
}
