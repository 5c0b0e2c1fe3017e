/** How a server goes without losing anybody: off every list first, then callers are told, then it waits, and at last it cuts. */
import type { Clock } from '../kernel/clock.ts'
import type { Attendance } from './attendance.ts'

/** A server as its program sees it. */
export interface LeavingServer extends AsyncDisposable {
  /** `host:port`, an IPv6 host in brackets. */
  readonly address: string
  readonly port: number
  /**
   * Asks callers to go elsewhere, and goes on serving: registries are told first, within a second; then health checks say no, and every
   * connection is told to end.
   */
  drain(): void
  /**
   * Drains, serves what still comes for a short while, then stops listening, closes what is idle, waits for what is under way, and cuts the
   * rest after `graceMs` (default: the server's). Resolves when no connection is left. Called again, it can only shorten the wait.
   */
  close(options?: { graceMs?: number }): Promise<void>
}

/** What a server does at each step of its going. */
export interface Leaving {
  readonly clock: Clock
  /** How many connections there are. */
  readonly attendance: Attendance
  /** Takes the server off every list, as `Listed` does. */
  release(): Promise<void> | null
  /** From now on health checks say no, and callers are told to go. */
  turnAway(): void
  /** Ceases to listen, and closes every connection that is not in use. */
  shut(): Promise<void>
  /** Cuts every connection, and each that still comes. */
  cut(): void
  /** Nobody is left. */
  gone(): void
}

// What an idle client may take to close, and one second: after it, no connection in use has missed the word that it must go.
const lingerMs = 5000

/** One per server. */
export class Departure {
  readonly #leaving: Leaving
  #drained: Promise<void> | null = null
  #drainingSince = 0
  #closed: Promise<void> | null = null
  /** True once callers are told to go. */
  hasBegun = false

  constructor(leaving: Leaving) {
    this.#leaving = leaving
  }

  /** As `LeavingServer.drain`. */
  drain(): void {
    if (this.#drained !== null) return
    const released = this.#leaving.release()
    // Off the list first: callers who find this server unready have nowhere better to be sent by a list that still names it.
    this.#drained = released === null ? Promise.resolve() : released.then(() => this.#turnAway())
    if (released === null) this.#turnAway()
  }

  /** As `LeavingServer.close`. */
  close(graceMs: number): Promise<void> {
    this.drain()
    const timer = this.#leaving.clock.setTimer(graceMs, () => this.#leaving.cut())
    this.#closed ??= this.#leave(graceMs)
    return this.#closed.finally(() => timer.cancel())
  }

  #turnAway(): void {
    this.hasBegun = true
    this.#drainingSince = this.#leaving.clock.now()
    this.#leaving.turnAway()
  }

  async #leave(graceMs: number): Promise<void> {
    const { clock, attendance } = this.#leaving
    await this.#drained
    const drainedForMs = clock.now() - this.#drainingSince
    // Half of the time at most: what is under way gets the rest.
    await attendance.quietWithin(Math.min(lingerMs, graceMs / 2) - drainedForMs)
    const shut = this.#leaving.shut()
    await attendance.emptyWithin(Number.POSITIVE_INFINITY)
    await shut
    this.#leaving.gone()
  }
}
