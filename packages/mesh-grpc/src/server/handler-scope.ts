/** The way from a call's stream to its handler: in the context of the call, and none once the call is over. */
import { AsyncResource } from 'node:async_hooks'
import { Alarm, type TimerWheel } from '@zerohop/mesh-core/transport'
import type { InterceptingListener } from './grpc-host.ts'
import type { Fields } from './relayed-call.ts'

/** The call, as it hears of its end. */
export interface ScopedCall {
  /** grpc-js says so at the end of every call, also of one that went well. */
  endTold(): void
  /** The one message of the request has not come. */
  requestOverdue(): void
}

// As over HTTP: whoever takes longer for a request holds a place, and does not use it.
const requestMs = 300_000

interface Held {
  readonly call: ScopedCall
  readonly handler: InterceptingListener
  readonly context: AsyncResource
}

/**
 * Made in the context in which the handler runs, which is entered again for each event and not made anew. A stream of node stays in
 * memory until the next full collection, and every small one before that copies what can be reached from it: from here nothing can, at the end.
 */
export class HandlerScope extends Alarm implements InterceptingListener {
  #held: Held | null
  #isClosed = false
  #isEndTold = false

  constructor(call: ScopedCall, handler: InterceptingListener) {
    super(null)
    this.#held = { call, handler, context: new AsyncResource('ZEROHOP_GRPC_CALL') }
  }

  /** The request is one message, and has to be here within five minutes from `now`. */
  awaitRequest(wheel: TimerWheel, now: number): void {
    wheel.set(this, now + requestMs, now)
  }

  override ring(): void {
    this.#held?.call.requestOverdue()
  }

  onReceiveMetadata(metadata: Fields): void {
    const held = this.#held
    if (held !== null) held.context.runInAsyncScope(held.handler.onReceiveMetadata, held.handler, metadata)
  }

  onReceiveMessage(message: unknown): void {
    const held = this.#held
    if (held !== null) held.context.runInAsyncScope(held.handler.onReceiveMessage, held.handler, message)
  }

  onReceiveHalfClose(): void {
    this.clear()
    const held = this.#held
    if (held !== null) held.context.runInAsyncScope(held.handler.onReceiveHalfClose, held.handler)
  }

  onCancel(): void {
    const held = this.#held
    if (held === null) return
    this.#isEndTold = true
    this.#letGo()
    held.call.endTold()
    held.context.runInAsyncScope(held.handler.onCancel, held.handler)
  }

  /** The stream has closed: nothing of what the caller sent will come any more. */
  closed(): void {
    this.clear()
    this.#isClosed = true
    this.#letGo()
  }

  #letGo(): void {
    if (this.#isClosed && this.#isEndTold) this.#held = null
  }
}
