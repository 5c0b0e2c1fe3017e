/** Which uses of tokens that are void are worth a line: the first of each token in an hour, and of all together no more than somebody reads. */
import type { Clock } from '../clock.ts'

const againMs = 3_600_000
// At once, and one more each minute: 1,540 lines on the worst day, of the 100,000 that the audit keeps.
const most = 100
const perMs = 1 / 60_000

/** In bounded memory: a token is noted once in an hour, and only so many are noted in it. */
export class VoidUses {
  readonly #clock: Clock
  readonly #noted = new Map<string, number>()
  #left = most
  #at: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = clock.now()
  }

  /** True where a use of this token is to be written down. @param id of a token that there is */
  takes(id: string): boolean {
    const now = this.#clock.now()
    for (const [old, at] of this.#noted) {
      if (now - at < againMs) break
      this.#noted.delete(old)
    }
    this.#left = Math.min(most, this.#left + Math.max(0, now - this.#at) * perMs)
    this.#at = now
    if (this.#noted.has(id) || this.#left < 1) return false
    this.#left -= 1
    this.#noted.set(id, now)
    return true
  }
}
