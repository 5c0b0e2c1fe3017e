/** The calls that wait for a connection: each comes aboard in the context in which it came. */
import { AsyncResource } from 'node:async_hooks'

/** An attempt that needs a connection. */
export interface Passenger {
  /** The connection is ready. May be called before `enter` returns. */
  connected(): void
  /** There will be none. */
  denied(error: Error): void
  /** `connected` threw, which is a bug. Called only where `enter` had returned before. */
  broke(error: unknown): void
}

/** One set per connection. */
export class WaitingPassengers {
  readonly #contexts = new Map<Passenger, AsyncResource>()

  // What a stream brings, it brings in the context in which it was opened: that of the program must not be another one's, whose call happened to
  // make the connection.
  add(passenger: Passenger): void {
    this.#contexts.set(passenger, new AsyncResource('ZEROHOP_GRPC_PASSENGER'))
  }

  delete(passenger: Passenger): void {
    this.#contexts.delete(passenger)
  }

  /** The connection is ready. */
  board(): void {
    for (const [passenger, context] of this.#contexts) {
      this.#contexts.delete(passenger)
      try {
        context.runInAsyncScope(passenger.connected, passenger)
      } catch (error) {
        passenger.broke(error)
      }
    }
  }

  /** There will be no connection. */
  turnAway(error: Error): void {
    for (const passenger of this.#contexts.keys()) {
      this.#contexts.delete(passenger)
      passenger.denied(error)
    }
  }
}
