/** The inbound request under which code runs: its trace, its deadline and its cancellation, inherited by the calls made under it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Caller } from './identity.ts'
import type { TraceContext } from './span.ts'
import type { CANCELLED, EXPIRED } from './verdict.ts'

/** Whatever runs under a request and must end with it: a call. */
export interface Bound {
  /** The request was given up, for the reason named. */
  end(why: typeof EXPIRED | typeof CANCELLED): void
}

// Longer than any handler works on for a caller who has left; what begins under the request after that (a pool's timer, say) was never the
// caller's.
const givenUpForMs = 60_000

/** One inbound request. It ends with its response: afterwards only the trace still counts. */
export class Ambient {
  readonly trace: TraceContext | null
  /** The `baggage` header as received; '' for none. */
  readonly baggage: string
  /** When the caller stops waiting, by the mesh's clock. */
  readonly deadlineAt: number
  /** Who sent it; null over plaintext. The door writes it. */
  caller: Caller | null = null
  /** Why outbound calls must stop; 0 while the request is alive or once it ended in peace. */
  ending: 0 | typeof EXPIRED | typeof CANCELLED = 0
  #freeAt = Number.POSITIVE_INFINITY
  // Most requests make their calls one after the other: no set is needed until two are under way at once.
  #only: Bound | null = null
  #more: Set<Bound> | null = null

  constructor(trace: TraceContext | null, baggage: string, deadlineAt: number) {
    this.trace = trace
    this.baggage = baggage
    this.deadlineAt = deadlineAt
  }

  /**
   * True while deadline and cancellation still bind the calls made under this request: until its response is complete, or a minute after it
   * was given up.
   */
  bindsAt(now: number): boolean {
    return now < this.#freeAt
  }

  /** Binds a call to this request until it leaves; ends it at once where the request has been given up. */
  join(call: Bound): void {
    if (this.ending !== 0) call.end(this.ending)
    else if (this.#only === null) this.#only = call
    else {
      this.#more ??= new Set()
      this.#more.add(call)
    }
  }

  /** The call has ended by itself. */
  leave(call: Bound): void {
    if (this.#only === call) this.#only = null
    else this.#more?.delete(call)
  }

  /** The caller left or ran out of time: every call under way ends, and none starts any more. */
  giveUp(why: typeof EXPIRED | typeof CANCELLED, now: number): void {
    if (this.#freeAt !== Number.POSITIVE_INFINITY) return
    this.ending = why
    this.#freeAt = now + givenUpForMs
    const only = this.#only
    const more = this.#more
    this.#only = null
    this.#more = null
    only?.end(why)
    if (more !== null) for (const call of more) call.end(why)
  }

  /** The response is complete: work begun under this request from now on is free of its deadline and cancellation. */
  finish(): void {
    this.#freeAt = Number.NEGATIVE_INFINITY
    this.#only = null
    this.#more = null
  }
}

// One store for the process, whatever copies of this package it holds: a request taken in by one copy must bind calls made through another.
const key = Symbol.for('zerohop.ambient.1')
const global = globalThis as { [key]?: AsyncLocalStorage<Ambient | null> }
if (global[key] === undefined) global[key] = new AsyncLocalStorage<Ambient | null>()
const storage: AsyncLocalStorage<Ambient | null> = global[key]

/** The inbound request under which the running code stands; null outside of one. */
export function currentAmbient(): Ambient | null {
  return storage.getStore() ?? null
}

/** Who sent the request that the running code serves, as its certificate has proved; null over plaintext, and outside of a request. */
export function currentCaller(): Caller | null {
  // An older copy of this package may have made the request's context.
  return currentAmbient()?.caller ?? null
}

/** Runs `work` under `ambient`; under null, free of any. */
export function runUnder<T>(ambient: Ambient | null, work: () => T): T {
  return storage.run(ambient, work)
}
