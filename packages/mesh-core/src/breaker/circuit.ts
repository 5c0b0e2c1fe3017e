/** The state of one destination's breaker: closed, open, or letting one probe through. */

import { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'
import type { Clock } from '../kernel/clock.ts'
import { FAILURE, NOTHING, SUCCESS, weigh } from '../kernel/evidence.ts'
import type { Outcome, Settler } from '../kernel/outcome.ts'
import { type TripCriteria, TripWire } from '../kernel/trip-wire.ts'
import type { Verdict } from '../kernel/verdict.ts'

/** What opens a circuit, and for how long. */
export interface CircuitCriteria extends TripCriteria {
  readonly openForMs: number
}

export type CircuitState = 'closed' | 'open' | 'probing'

/** Told of every move of a circuit. */
export type CircuitListener = (state: CircuitState, reason: string) => void

/** What `enter` answers when the circuit lets nothing through. */
export const shut = -1

// One emitter that never emits: without it each breaker starts an interval of its own to rotate a window that nobody reads.
const stillRotation = new EventEmitter().setMaxListeners(0)

/**
 * Counts the outcomes of one destination (service and version). opossum holds the state and its history and is told of transitions only:
 * counting and probe timing are here, on the mesh's clock, so that a closed breaker costs nothing and a test needs no waiting.
 */
export class Circuit implements Settler {
  /** Why it last opened; '' while it never has. */
  reason = ''
  readonly #clock: Clock
  readonly #wire: TripWire
  readonly #moved: CircuitListener
  #openForMs: number
  #probeAt = 0
  #probing = false
  // Each move begins an epoch; an outcome of an earlier one says nothing about this one.
  #epoch = 0
  // Made at the first trip: a destination that never fails never pays for one.
  #breaker: CircuitBreaker | null = null

  constructor(clock: Clock, criteria: CircuitCriteria, moved: CircuitListener) {
    this.#clock = clock
    this.#wire = new TripWire(criteria)
    this.#openForMs = criteria.openForMs
    this.#moved = moved
  }

  get state(): CircuitState {
    if (this.#breaker === null || this.#breaker.closed) return 'closed'
    return this.#probing ? 'probing' : 'open'
  }

  /** Takes new criteria; counts and state stay. */
  tune(criteria: CircuitCriteria): void {
    this.#wire.criteria = criteria
    this.#probeAt += criteria.openForMs - this.#openForMs
    this.#openForMs = criteria.openForMs
  }

  /** Asks to go through: the epoch to settle with, or `shut`. */
  enter(): number {
    if (this.#breaker === null || this.#breaker.closed) return this.#epoch
    if (this.#probing || this.#clock.now() < this.#probeAt) return shut
    this.#probing = true
    const epoch = ++this.#epoch
    this.#moved('probing', this.reason)
    return epoch
  }

  /** True where `epoch` is that of the probe under way. */
  isProbe(epoch: number): boolean {
    return this.#probing && epoch === this.#epoch
  }

  settled(outcome: Outcome, final: Verdict, epoch: number): void {
    if (epoch !== this.#epoch) return
    const evidence = weigh(outcome, final)
    if (this.#probing) this.#judgeProbe(evidence)
    else {
      const reason = this.#wire.record(evidence, outcome.at)
      if (reason !== '') this.#open(reason)
    }
  }

  /** Nobody asks it any more: calls under way settle in vain, and what the breaker library holds is freed. */
  close(): void {
    const wasClosed = this.state === 'closed'
    this.#probing = false
    this.#epoch++
    this.#breaker?.shutdown()
    this.#breaker = null
    if (!wasClosed) this.#moved('closed', 'nothing asks for a breaker here any more')
  }

  #judgeProbe(evidence: number): void {
    if (evidence === SUCCESS) {
      this.#probing = false
      this.#epoch++
      this.#wire.reset()
      this.#breaker?.close()
      this.#moved('closed', 'the probe succeeded')
    } else if (evidence === NOTHING) {
      // The prober left before it knew: the next call probes.
      this.#probing = false
      this.#epoch++
    } else {
      this.#open(evidence === FAILURE ? 'the probe failed' : 'the probe was throttled')
    }
  }

  #open(reason: string): void {
    this.reason = reason
    this.#probing = false
    this.#epoch++
    this.#wire.reset()
    this.#probeAt = this.#clock.now() + this.#openForMs
    this.#breaker ??= idleBreaker()
    this.#breaker.open()
    this.#moved('open', reason)
  }
}

function idleBreaker(): CircuitBreaker {
  return new CircuitBreaker(async () => {}, {
    timeout: false,
    // The longest timer there is: when to probe is decided on the mesh's own clock.
    resetTimeout: 2 ** 31 - 1,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: stillRotation,
  })
}
