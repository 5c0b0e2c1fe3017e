/** One endpoint's standing: in balance, out of it for a while, or on probation with one real call. */
import type { Clock } from '../kernel/clock.ts'
import type { Endpoint, EndpointGuard } from '../kernel/endpoint.ts'
import { FAILURE, NOTHING, SUCCESS, weigh } from '../kernel/evidence.ts'
import type { Outcome, Settler } from '../kernel/outcome.ts'
import { type TripCriteria, TripWire } from '../kernel/trip-wire.ts'
import type { Verdict } from '../kernel/verdict.ts'

/** What ejects an endpoint, for how long, and how many at once. */
export interface EjectionBounds extends TripCriteria {
  /** The first ejection; the n-th in a row lasts n times as long. */
  readonly ejectForMs: number
  /** Share of endpoints that may be out at once. */
  readonly maxEjected: number
}

/** Told when an endpoint is ejected, probed, or back. */
export type EjectionListener = (endpoint: Endpoint, state: 'ejected' | 'probing' | 'back', reason: string) => void

/** What an endpoint's standing depends on besides its own record. */
export interface Fleet {
  readonly clock: Clock
  /** Endpoints out at this moment, those being probed included. */
  out: number
  /** True where one more may go. */
  readonly mayEject: boolean
  readonly moved: EjectionListener
}

// Envoy's max_ejection_time.
const longestMs = 300_000

// The epoch of an attempt whose outcome counts for nothing.
const unasked = -1

/** Counts the attempts at one endpoint. */
export class Ejection implements EndpointGuard, Settler {
  /** Why it was last ejected; '' while it never was. */
  reason = ''
  readonly #all: Fleet
  readonly #endpoint: Endpoint
  readonly #wire: TripWire
  #firstMs: number
  #state: 'in' | 'out' | 'probing' = 'in'
  #outSince = 0
  #backAt = 0
  // Ejections without a long good time between them: each lasts as many times the first one.
  #inARow = 0
  #backSince = 0
  // Each move begins an epoch; an outcome of an earlier one says nothing about this one.
  #epoch = 0

  constructor(all: Fleet, endpoint: Endpoint, bounds: EjectionBounds) {
    this.#all = all
    this.#endpoint = endpoint
    this.#wire = new TripWire(bounds)
    this.#firstMs = bounds.ejectForMs
  }

  /** As `explain` prints it. */
  get state(): string {
    return this.#state === 'in' ? 'in' : `${this.#state}: ${this.reason}`
  }

  get out(): boolean {
    return this.#state !== 'in'
  }

  /** Takes new bounds; counts and state stay, and an ejection under way lasts as long as it now should. */
  tune(bounds: EjectionBounds): void {
    this.#wire.criteria = bounds
    this.#firstMs = bounds.ejectForMs
    this.#backAt = this.#outSince + this.#lengthMs()
  }

  admits(now: number): boolean {
    return this.#state === 'in' || (this.#state === 'out' && now >= this.#backAt)
  }

  /** An attempt goes there: the epoch to settle with. Takes the one probe where its time has come. */
  enter(now: number): number {
    if (this.#state === 'in') return this.#epoch
    // While it is out, only the probe's outcome counts; what else goes there, because too many are out, does not.
    if (this.#state === 'probing' || now < this.#backAt) return unasked
    this.#state = 'probing'
    const epoch = ++this.#epoch
    this.#all.moved(this.#endpoint, 'probing', this.reason)
    return epoch
  }

  /** True where `epoch` is that of the probe under way. */
  isProbe(epoch: number): boolean {
    return this.#state === 'probing' && epoch === this.#epoch
  }

  settled(outcome: Outcome, final: Verdict, epoch: number): void {
    if (epoch !== this.#epoch) return
    const evidence = weigh(outcome, final)
    if (this.#state === 'probing') this.#judgeProbe(evidence)
    else if (this.#state === 'in') {
      const reason = this.#wire.record(evidence, outcome.at)
      if (reason !== '' && this.#all.mayEject) this.#eject(reason)
    }
  }

  /** Other evidence says that the endpoint is well: back at once. Harmless where it is in. */
  pardon(why: string): void {
    if (this.#state === 'in') return
    this.#epoch++
    this.#comeBack(why)
  }

  /** Nobody watches the endpoint any more: back at once, and attempts under way settle in vain. Returns whether it was out. */
  release(): boolean {
    const wasOut = this.out
    if (wasOut) this.#all.out--
    this.#state = 'in'
    this.#epoch++
    return wasOut
  }

  #judgeProbe(evidence: number): void {
    this.#epoch++
    if (evidence === NOTHING) {
      // The prober left before it knew: the slot is free for the next one.
      this.#state = 'out'
    } else if (evidence === SUCCESS) {
      this.#comeBack('the probe succeeded')
    } else {
      this.#all.out--
      this.#eject(evidence === FAILURE ? 'the probe failed' : 'the probe was throttled')
    }
  }

  #comeBack(why: string): void {
    this.#state = 'in'
    this.#all.out--
    this.#backSince = this.#all.clock.now()
    this.#wire.reset()
    this.#all.moved(this.#endpoint, 'back', why)
  }

  #eject(reason: string): void {
    // Not the outcome's time: a body may break long after its head, and the ejection begins only now.
    const now = this.#all.clock.now()
    // A good time as long as the next ejection would be clears the record.
    if (this.#state === 'in' && now - this.#backSince > this.#firstMs * (this.#inARow + 1)) this.#inARow = 0
    this.#inARow++
    this.reason = reason
    this.#state = 'out'
    this.#epoch++
    this.#outSince = now
    this.#backAt = now + this.#lengthMs()
    this.#wire.reset()
    this.#all.out++
    this.#all.moved(this.#endpoint, 'ejected', reason)
  }

  #lengthMs(): number {
    return Math.min(this.#firstMs * this.#inARow, Math.max(longestMs, this.#firstMs))
  }
}
