/** Waits for the answer of a gRPC call. */
import type { requestCallback } from '@grpc/grpc-js'
import { problemStatusOf } from './grpc-status.ts'
import { Problem } from './problem.ts'

/**
 * The answer of the call that `begin` makes: `await answerOf((done) => inventory.stock({ skus }, done))`.
 * @throws Problem with the status that stands for the call's own; its message is the other service's, or the mesh's where there was no answer
 */
export function answerOf<Reply>(begin: (done: requestCallback<Reply>) => unknown): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  begin((error, reply) => {
    if (error === null) resolve(reply as Reply)
    else reject(new Problem(problemStatusOf(error.code), error.details, error))
  })
  return promise
}
