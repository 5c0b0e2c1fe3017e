/** Plays a behaviour on a real response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour } from '../case.ts'
import { piece } from '../seen.ts'
import { headersOf, statusOf } from './http-words.ts'

/** Answers `request` as `behaviour` says, once it is here whole. */
export async function behave(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse): Promise<void> {
  await whole(request)
  if (behaviour.kind === 'silent') return
  if (behaviour.afterMs > 0) await sleep(behaviour.afterMs)
  if (response.destroyed) return
  if (behaviour.kind === 'cut' && behaviour.at !== 'body') {
    // Half of a head, and only once it has gone.
    if (behaviour.at === 'mid-head') request.socket.write('HTTP/1.1 200 OK\r\ncontent-len', () => request.socket.destroy())
    else request.socket.destroy()
    return
  }
  response.writeHead(Number(statusOf(behaviour)), headersOf(behaviour))
  for (let number = 0; number < behaviour.pieces; number++) {
    if (number > 0 && behaviour.everyMs > 0) await sleep(behaviour.everyMs)
    if (response.destroyed) return
    response.write(piece)
  }
  if (behaviour.kind === 'cut') response.write('', () => request.socket.destroy())
  else response.end()
}

// Also where the caller leaves half way.
function whole(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => request.resume().once('close', resolve).once('end', resolve))
}
