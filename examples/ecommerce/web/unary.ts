/** Turns a function into the handler of a gRPC method: one message in, one message out. */
import type { handleUnaryCall } from '@grpc/grpc-js'
import { Fields } from './fields.ts'
import { grpcStatusOf } from './grpc-status.ts'
import { Problem } from './problem.ts'

/** What a function is given besides the request. */
export type Unary<Reply> = (request: Fields, left: AbortSignal) => Reply | Promise<Reply>

/**
 * A handler that answers what `answer` returns, and a Problem that it throws with the status that stands for it. `left` aborts when the caller
 * left, or ran out of time, before the answer.
 */
export function unary<Reply>(answer: Unary<Reply>): handleUnaryCall<object, Reply> {
  return async (call, callback) => {
    const left = new AbortController()
    let isAnswered = false
    // grpc-js says so at the end of every call: aborting after one that ended in peace would harm nobody, but costs an error object per request.
    call.once('cancelled', () => isAnswered || left.abort())
    try {
      const reply = await answer(new Fields(call.request), left.signal)
      isAnswered = true
      callback(null, reply)
    } catch (error) {
      // Anything else is a fault of this program: the server of the mesh says UNKNOWN, and writes it down.
      if (!(error instanceof Problem)) throw error
      isAnswered = true
      callback({ code: grpcStatusOf(error.status), details: error.message })
    }
  }
}
