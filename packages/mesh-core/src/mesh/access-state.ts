/** What access knows of those who call this process, and the counts in which it writes of them. */
import type { AccessGround } from '../access/access.ts'
import { AccessCounts } from '../access/access-counts.ts'
import type { Clock } from '../kernel/clock.ts'
import type { IdentitySource } from '../kernel/identity.ts'
import type { Log } from '../kernel/log.ts'
import { SpacedLog } from '../kernel/spaced-log.ts'

export interface AccessStateOptions {
  readonly clock: Clock
  readonly log: Log
  /** The source of this process's own identity, null for none. Asked whenever it matters: it may learn that there is none to be had. */
  readonly source: () => IdentitySource | null
  readonly policyMissing: AccessGround['policyMissing']
}

/** One per mesh. */
export class AccessState implements AccessGround {
  readonly counts = new AccessCounts()
  readonly log: SpacedLog
  readonly policyMissing: AccessGround['policyMissing']
  readonly #source: () => IdentitySource | null

  constructor({ clock, log, source, policyMissing }: AccessStateOptions) {
    this.log = new SpacedLog(log, clock)
    this.policyMissing = policyMissing
    this.#source = source
  }

  get takesMtls(): boolean {
    return this.#source() !== null
  }
}
