/** A door with so many places behind it and a line of bounded length before it, which counts also while no policy bounds it. */
import type { Call, Waiting } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { ended, type Outcome, refusal, type Settler } from '../kernel/outcome.ts'
import { Alarm, type TimerWheel } from '../kernel/timer-wheel.ts'

/** What bounds a gate. */
export interface GateBounds {
  readonly inFlight: number
  readonly queue: number
  /** Infinity: as long as the call's own deadline lets it. */
  readonly queueForMs: number
}

const unbounded: GateBounds = { inFlight: Number.POSITIVE_INFINITY, queue: 0, queueForMs: Number.POSITIVE_INFINITY }

/** Counts the calls inside, lines up those outside. */
export class Gate implements Settler {
  inFlight = 0
  queued = 0
  readonly #clock: Clock
  readonly #wheel: TimerWheel
  #bounds: GateBounds = unbounded
  #first: Place | null = null
  #last: Place | null = null

  constructor(clock: Clock, wheel: TimerWheel) {
    this.#clock = clock
    this.#wheel = wheel
  }

  /** Takes new bounds, null for none, and lets in whom they now let in. Calls inside stay; the line is never cut shorter. */
  tune(bounds: GateBounds | null): void {
    this.#bounds = bounds ?? unbounded
    while (this.#first !== null && this.inFlight < this.#bounds.inFlight) this.#admitFirst()
  }

  /** A place at once, without waiting; false where there is none. */
  tryEnter(): boolean {
    // Nobody is overtaken: whoever stands in line is let in as soon as there is a place, so that a free place means an empty line.
    if (this.inFlight >= this.#bounds.inFlight) return false
    this.inFlight++
    return true
  }

  /** Stands in line: null with a place, or the outcome that says why there was none. */
  wait(call: Call): Promise<Outcome | null> {
    if (call.isOver) return Promise.resolve(ended(call, this.#clock.now()))
    if (this.queued >= this.#bounds.queue) return Promise.resolve(refusal(call, 'LIMIT_FULL', this.#clock.now()))
    const place = new Place(this, call)
    place.ahead = this.#last
    if (this.#last === null) this.#first = place
    else this.#last.behind = place
    this.#last = place
    this.queued++
    call.cancel = place
    if (this.#bounds.queueForMs !== Number.POSITIVE_INFINITY) {
      const now = this.#clock.now()
      this.#wheel.set(place, now + this.#bounds.queueForMs, now)
    }
    return place.promise
  }

  /** Gives back the place of a call that ended in the tick in which it was let in. */
  turnAway(call: Call): Outcome {
    this.settled()
    return ended(call, this.#clock.now())
  }

  /** Gives a place back. */
  settled(): void {
    // The place is handed to the line before it counts as free. The other way round, a caller arriving in this tick would overtake the
    // line.
    if (this.#first !== null && this.inFlight <= this.#bounds.inFlight) {
      this.inFlight--
      this.#admitFirst()
    } else this.inFlight--
  }

  /** A place leaves the line, with an outcome or, having waited in vain, with a refusal. */
  abandon(place: Place, over: boolean): void {
    this.#remove(place)
    const now = this.#clock.now()
    place.resolve(over ? ended(place.call, now) : refusal(place.call, 'LIMIT_WAITED', now))
  }

  #admitFirst(): void {
    const place = this.#first as Place
    this.#remove(place)
    this.inFlight++
    place.resolve(null)
  }

  #remove(place: Place): void {
    if (place.ahead === null) this.#first = place.behind
    else place.ahead.behind = place.behind
    if (place.behind === null) this.#last = place.ahead
    else place.behind.ahead = place.ahead
    this.queued--
    place.clear()
    if (place.call.cancel === place) place.call.cancel = null
  }
}

class Place extends Alarm implements Waiting {
  readonly call: Call
  readonly promise: Promise<Outcome | null>
  resolve!: (outcome: Outcome | null) => void
  ahead: Place | null = null
  behind: Place | null = null
  readonly #gate: Gate

  constructor(gate: Gate, call: Call) {
    super(null)
    this.#gate = gate
    this.call = call
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  override ring(): void {
    this.#gate.abandon(this, false)
  }

  cancelled(): void {
    this.#gate.abandon(this, true)
  }
}
