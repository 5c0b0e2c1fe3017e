/** All that a caller hears of a call, until its status. */
import type { Metadata, StatusObject } from '@grpc/grpc-js'

/** A call that is over. */
export interface Heard<Response> {
  /** Of the head; null where there was none. */
  readonly initial: Metadata | null
  readonly messages: readonly Response[]
  readonly status: StatusObject
}

type Answered<Response> = (error: Error | null, response?: Response) => void

/** Hears a call with one answer, which `start` makes with the callback that it is given. */
export async function heardOnce<Response>(start: (answered: Answered<Response>) => NodeJS.EventEmitter): Promise<Heard<Response>> {
  const answer = Promise.withResolvers<Response[]>()
  const end = hear(start((_error, response) => answer.resolve(response === undefined ? [] : [response])))
  return { ...(await end), messages: await answer.promise }
}

/** Hears a call with a stream of answers; `each` is told of every one when it comes. */
export async function heardAll<Response>(
  call: NodeJS.EventEmitter,
  each: (response: Response) => void = () => {},
): Promise<Heard<Response>> {
  const messages: Response[] = []
  const read = Promise.withResolvers<void>()
  call.on('data', (response: Response) => {
    messages.push(response)
    each(response)
  })
  call.on('end', read.resolve)
  // The status says the same.
  call.on('error', () => {})
  const end = await hear(call)
  await read.promise
  return { ...end, messages }
}

function hear(call: NodeJS.EventEmitter): Promise<Pick<Heard<never>, 'initial' | 'status'>> {
  const { promise, resolve } = Promise.withResolvers<Pick<Heard<never>, 'initial' | 'status'>>()
  let initial: Metadata | null = null
  call.on('metadata', (metadata: Metadata) => {
    initial = metadata
  })
  call.on('status', (status: StatusObject) => resolve({ initial, status }))
  return promise
}
