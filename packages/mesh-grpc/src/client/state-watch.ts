/** Somebody who waits for a channel of the mesh to be in another state, and hears of it once. */
import type { Clock, Timer } from '@zerohop/mesh-core/transport'

export type Told = (error?: Error) => void

/** All who wait in one mesh. */
export class StateWatches {
  readonly #clock: Clock
  readonly #waiting = new Set<StateWatch>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `told` hears of the next change, or after `waitMs` that there was none. */
  add(waitMs: number, told: Told): StateWatch {
    const watch = new StateWatch(told, this.#waiting)
    if (waitMs !== Number.POSITIVE_INFINITY) watch.bound(this.#clock.setTimer(Math.max(0, waitMs), () => watch.late()))
    return watch
  }

  /** The mesh ends: all its channels are shut down. */
  async close(): Promise<void> {
    for (const watch of [...this.#waiting]) watch.changed()
  }
}

export class StateWatch {
  readonly #told: Told
  readonly #among: Set<StateWatch>
  #timer: Timer | null = null

  constructor(told: Told, among: Set<StateWatch>) {
    this.#told = told
    this.#among = among
    among.add(this)
  }

  /** Waits no longer than `timer` runs. */
  bound(timer: Timer): void {
    timer.keepAlive(true)
    this.#timer = timer
  }

  changed(): void {
    if (!this.#among.delete(this)) return
    this.#timer?.cancel()
    process.nextTick(this.#told)
  }

  late(): void {
    if (this.#among.delete(this)) this.#told(new Error('Deadline passed without connectivity state change'))
  }
}
