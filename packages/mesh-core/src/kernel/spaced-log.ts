/** Warnings that may come in floods: of each kind one line in a while, with the number of those that went unsaid. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const quietMs = 1000

/** Kinds are words of the program's own: there must not be many. */
export class SpacedLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #kinds = new Map<string, { at: number; unsaid: number }>()

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** At most one line a second for each kind. @param line made where it is said, and not where it goes unsaid */
  warn(kind: string, line: () => string): void {
    const now = this.#clock.now()
    const last = this.#kinds.get(kind)
    if (last !== undefined && now - last.at < quietMs) {
      last.unsaid++
      return
    }
    this.#kinds.set(kind, { at: now, unsaid: 0 })
    const before = last === undefined || last.unsaid === 0 ? '' : ` (and ${last.unsaid} more since the last line)`
    this.#log.warn(`${line()}${before}`)
  }
}
