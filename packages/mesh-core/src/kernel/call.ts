/** One logical request on its way through the mesh, from the door to the last attempt. */
import type { Ambient } from './ambient.ts'
import type { Endpoint } from './endpoint.ts'
import type { Caller } from './identity.ts'
import type { AttemptRecord } from './mesh-error.ts'
import type { Span, TraceContext } from './span.ts'
import { CANCELLED, EXPIRED, LATE } from './verdict.ts'

// By so much a server's clock may ring before ours for the time that we gave it: on the wire that is rounded down to milliseconds, and a timer of
// node counts from when its loop last looked at the clock, which a busy one does late.
const earlyMs = 5

/** How the call exchanges messages. */
export type CallKind = 'unary' | 'stream' | 'upgrade'

/** Whoever makes a call wait puts itself into `call.cancel`, and is told through this when the wait is pointless. */
export interface Waiting {
  /** The call has ended as `call.ending` says: stop waiting and answer. */
  cancelled(call: Call): void
}

/** What a door knows of a call when it makes one. */
export interface CallStart {
  service: string
  method: string
  path: string
  kind: CallKind
  message: unknown
  replayable: boolean
  idempotent: boolean
}

/** One shape for every call: all fields are set here, so that all layers see the same hidden class. */
export class Call {
  /** The service that is called; on the server, the service that was called. */
  readonly service: string
  /** HTTP method, or the gRPC path's last segment. */
  readonly method: string
  /** Path and query as sent. */
  readonly path: string
  readonly kind: CallKind
  /** The wire's own message; opaque to core. */
  readonly message: unknown
  /** True until the first byte of a one-shot body was pulled. The wire writes it. */
  replayable: boolean
  /** True where a second execution does no harm. */
  readonly idempotent: boolean
  /** When the call entered the mesh, by the mesh's clock. */
  startedAt = 0
  /** The version chosen for all attempts; '' while none is. `route` writes it, and `waitForReady` takes it back. */
  version = ''
  /** The moment at which the whole call is over; Infinity: never. `deadline` writes it. */
  deadlineAt = Number.POSITIVE_INFINITY
  /** When this attempt began. `balance` writes it. */
  attemptAt = 0
  /** True where the caller has so little time that running out of it says nothing about the server. `deadline` and `waitForReady` write it. */
  hurried = false
  /** A per-call timeout in ms, which only ever shortens the policy's; 0: none. The door writes it. */
  timeoutMs = 0
  /** True where the caller asked for a single attempt. The door writes it. */
  once = false
  /** True where the caller would rather wait than fail while the destination is not ready. The door writes it. */
  waitsForReady = false
  /** How often the call has waited until its destination is ready. `waitForReady` writes it. */
  waited = 0
  /** The attempt under way, from 1; 0 before the first. `retry` writes it, and `waitForReady` takes back what went nowhere. */
  attempt = 0
  /** Attempts that failed so far; null until one has. `retry` and `waitForReady` write it. */
  failures: AttemptRecord[] | null = null
  /** Where attempts failed so far, for balance to avoid; null until one has. `retry` and `waitForReady` write it. */
  tried: Endpoint[] | null = null
  /**
   * True once a connection that the server was letting go cost an attempt: the next one needs a new one, and is not free. `retry` writes it.
   */
  wantsFreshConnection = false
  /** Where this attempt goes. `balance` writes it. */
  endpoint: Endpoint | null = null
  /** The inbound request under which this call was made; null outside of one. The door writes it. */
  ambient: Ambient | null = null
  /** Trace context of the caller, under which attempts open their spans. `observe` writes it. */
  trace: TraceContext | null = null
  /** The span of the whole call; null where no tracing library records it. `observe` writes it. */
  span: Span | null = null
  /** What goes on the wire as this attempt's trace context. `attemptSpan` writes it. */
  attemptTrace: TraceContext | null = null
  /** Who calls, as its certificate has proved, on the server; null over plaintext. The door writes it. */
  caller: Caller | null = null
  /** The address from which the request came, without its port, on the server; '' where there is none. The door writes it. */
  from = ''
  /** Why the call or its attempt must stop: EXPIRED and CANCELLED are final, LATE ends one attempt, 0 is none. */
  ending: 0 | typeof EXPIRED | typeof CANCELLED | typeof LATE = 0
  /** Whoever waits on behalf of this call now. */
  cancel: Waiting | null = null

  constructor(start: CallStart) {
    this.service = start.service
    this.method = start.method
    this.path = start.path
    this.kind = start.kind
    this.message = start.message
    this.replayable = start.replayable
    this.idempotent = start.idempotent
  }

  /** Ends the call, or with LATE its attempt, and tells whoever waits. The first final ending stays. */
  end(how: typeof EXPIRED | typeof CANCELLED | typeof LATE): void {
    if (this.isOver) return
    this.ending = how
    const waiting = this.cancel
    if (waiting === null) return
    this.cancel = null
    waiting.cancelled(this)
  }

  /** True once the call as a whole must not go on: a layer that is about to start work asks this first. */
  get isOver(): boolean {
    return this.ending === EXPIRED || this.ending === CANCELLED
  }

  /** True once the call has no time left at `now`, or so little that a server which keeps the time it was told may have stopped already. */
  isOutOfTime(now: number): boolean {
    return now + earlyMs >= this.deadlineAt
  }

  /** Begins the next attempt: an attempt that was late ends with that attempt. */
  nextAttempt(): void {
    this.attempt++
    if (this.ending === LATE) this.ending = 0
  }
}
