/** The reply of an outcome on the server's side, where nobody is left to read one. */
import type { Reply } from '@zerohop/mesh-core/transport'

const replies = new Map<number, Reply>()

/** The reply that stands for `status`: one object for all requests that were answered with it. */
export function replyOf(status: number): Reply {
  let reply = replies.get(status)
  if (reply === undefined) {
    reply = { status: String(status), discard: () => {} }
    replies.set(status, reply)
  }
  return reply
}
