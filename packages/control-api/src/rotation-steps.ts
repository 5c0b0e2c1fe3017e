/** Moves rotations of the root on, and says what was done. */
import type { Authority, RotationWorld } from './authority/authority.ts'
import type { Clock } from './clock.ts'

/** What it stands on. */
export interface RotationStepsParts {
  readonly authority: Authority
  readonly clock: Clock
  readonly world: RotationWorld
  /** Takes a sentence on what was done, or why it could not be. */
  readonly tell: (level: 'info' | 'error', sentence: string) => void
}

const everyMs = 1000
// What fails goes on failing: a line a minute is enough.
const afterFailureMs = 60_000

/** Asks the authority once a second whether something is due. */
export class RotationSteps {
  readonly #parts: RotationStepsParts
  #timer: { cancel(): void } | null = null
  #isClosed = false

  constructor(parts: RotationStepsParts) {
    this.#parts = parts
    this.#wait(everyMs)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #wait(ms: number): void {
    if (!this.#isClosed) this.#timer = this.#parts.clock.setTimer(ms, () => void this.#step())
  }

  async #step(): Promise<void> {
    const { authority, world, tell } = this.#parts
    try {
      const done = await authority.step(world)
      if (done !== null) tell('info', done)
      this.#wait(everyMs)
    } catch (error) {
      if (!this.#isClosed) tell('error', `The authority could not go on: ${(error as Error).message}`)
      this.#wait(afterFailureMs)
    }
  }
}
