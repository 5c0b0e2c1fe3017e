/** Make before break: one connection of the new kind is made, and has lasted a moment, before those of the old kind go. */
import type { Clock, Dial, DialEnd, Dialled, Random, Timer } from '@zerohop/mesh-core/transport'

/** Whose connections are swapped. */
export interface SwapOwner {
  /** True while a connection is there that must go. */
  readonly hasOutdated: boolean
  /** True where a connection of the new kind has served already. */
  readonly hasProven: boolean
  /** Begins a connection of the new kind. */
  connect(done: DialEnd): Dial
  /** The old ones can go. `made` is the new one, unless calls have made one meanwhile, or none is needed. */
  swapped(made: Dialled | null): void
  /** No new one could be made. Returns whether the old ones serve on until one is there. */
  swapFailed(error: Error): boolean
}

// A server that does not believe our certificate says so after the handshake, which for us is over by then (TLS 1.3): a round trip and a turn of a
// busy server later.
const provingMs = 250
const firstPauseMs = 1000
const mostPauseMs = 30_000

/** One swap at one endpoint. */
export class Swap {
  readonly #owner: SwapOwner
  readonly #clock: Clock
  readonly #random: Random
  #timer: Timer | null = null
  #dial: Dial | null = null
  #made: Dialled | null = null
  #pauseMs = firstPauseMs

  constructor(owner: SwapOwner, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#owner = owner
    this.#clock = clock
    this.#random = random
  }

  /** Begins after `delayMs`. */
  start(delayMs: number): void {
    this.#wait(delayMs, () => this.#begin())
  }

  /** Nothing of this is wanted any more. */
  stop(): void {
    this.#timer?.cancel()
    this.#dial?.stop()
    this.#dial = null
    const made = this.#made
    this.#made = null
    made?.socket.destroy()
  }

  #begin(): void {
    if (this.#owner.hasProven || !this.#owner.hasOutdated) this.#owner.swapped(null)
    else this.#dial = this.#owner.connect(this.#connected)
  }

  readonly #connected: DialEnd = (dial, made, error) => {
    // Stopped meanwhile: whoever stopped it wants nothing of this.
    if (dial !== this.#dial) {
      made?.socket.destroy()
      return
    }
    this.#dial = null
    if (made === null) {
      this.#failed(error as Error)
      return
    }
    this.#made = made
    made.socket.once('close', this.#turnedAway)
    made.socket.on('error', () => {})
    this.#wait(provingMs, () => {
      this.#made = null
      made.socket.off('close', this.#turnedAway)
      this.#owner.swapped(made)
    })
  }

  readonly #turnedAway = (): void => {
    if (this.#made === null) return
    this.#made = null
    this.#timer?.cancel()
    this.#failed(new Error('the server closed the new connection at once'))
  }

  #failed(error: Error): void {
    if (!this.#owner.swapFailed(error)) {
      this.#owner.swapped(null)
      return
    }
    this.#wait(this.#pauseMs * (0.5 + this.#random() / 2), () => this.#begin())
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs)
  }

  #wait(ms: number, then: () => void): void {
    this.#timer = this.#clock.setTimer(ms, then)
  }
}
