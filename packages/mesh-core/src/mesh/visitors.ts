/** Those who call this process: who they are by the names that policies use, and the book in which access writes of them. */
import type { Gatehouse } from '../access/access.ts'
import { VisitorBook } from '../access/visitor-book.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Caller, Identity, IdentitySource } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import { SpacedLog } from '../kernel/spaced-log.ts'

export interface VisitorsOptions {
  readonly clock: Clock
  readonly log: Log
  /** The source of this process's own identity, null for none. Asked anew whenever it matters: it may learn that there is none to be had. */
  readonly source: () => IdentitySource | null
}

// More services than call one other; and a bound where every caller has a name of its own.
const mostKept = 1000

/** One per mesh. */
export class Visitors implements Gatehouse {
  readonly book = new VisitorBook()
  readonly log: SpacedLog
  readonly #source: () => IdentitySource | null
  readonly #known = new Map<string, Caller>()
  #identity: Identity | undefined

  constructor({ clock, log, source }: VisitorsOptions) {
    this.log = new SpacedLog(log, clock)
    this.#source = source
  }

  get takesMtls(): boolean {
    return this.#source() !== null
  }

  callerOf(spiffeId: string): Caller | null {
    if (spiffeId === '') return null
    const identity = this.#source()?.current
    // Names follow from the trust domain, and another identity may be of another one.
    if (identity !== this.#identity || this.#known.size >= mostKept) {
      this.#known.clear()
      this.#identity = identity
    }
    const known = this.#known.get(spiffeId)
    if (known !== undefined) return known
    const caller = { service: identity?.serviceOf(spiffeId) ?? '', spiffeId }
    this.#known.set(spiffeId, caller)
    return caller
  }
}
