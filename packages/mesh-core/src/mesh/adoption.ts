/** The policies of a mesh: which hold, why the newest do not, and how a set is put in force in one tick. */
import type { Log } from '../kernel/log.ts'
import type { PolicySet } from '../policy/index.ts'
import type { Announcements } from './announcements.ts'
import { inForce, type PolicyInForce } from './policy-in-force.ts'
import type { PolicyListener, PolicySource } from './policy-source.ts'

export interface AdoptionOptions {
  readonly source: PolicySource
  readonly log: Log
  readonly announcements: Announcements
  /** Builds everything on a set and returns how to put it in force, which cannot fail. @throws where it cannot be built */
  readonly prepare: (policies: PolicyInForce) => () => void
}

/** One per mesh. */
export class Adoption implements PolicyListener {
  /** What holds now. */
  policies: PolicyInForce
  /** True once a set was given, or has come: what held before is the built-in policy. */
  hasPolicy: boolean
  /** Why the newest set was refused; empty where it was not. */
  problems: readonly string[]
  readonly #options: AdoptionOptions

  constructor(options: AdoptionOptions) {
    this.#options = options
    this.policies = inForce(options.source.first)
    this.hasPolicy = options.source.hasFirst
    this.problems = options.source.firstProblems
  }

  /** Puts a set in force; the problems for which it could not, none where it did. */
  adopt(set: PolicySet): readonly string[] {
    const { log, announcements, prepare } = this.#options
    const recovered = this.problems.length > 0
    if (set.revision === this.policies.revision) {
      this.hasPolicy = true
      this.problems = []
      if (recovered) announcements.emit('policy', { revision: set.revision, problems: [] })
      return []
    }
    const policies = inForce(set)
    let swap: () => void
    try {
      swap = prepare(policies)
    } catch (error) {
      // A wire could not be built on it: nothing has changed, and nothing will.
      const problems = [`policy ${set.revision} cannot be built on: ${String(error)}`]
      this.refuse(problems)
      return problems
    }
    this.policies = policies
    this.problems = []
    swap()
    this.hasPolicy = true
    log.info(`policy ${set.revision} applied`)
    announcements.emit('policy', { revision: set.revision, problems: [] })
    return []
  }

  /** A set was refused before it came here: what holds goes on holding. */
  refuse(problems: readonly string[]): void {
    const { log, announcements } = this.#options
    this.problems = problems
    for (const problem of problems) log.error(`policy refused, ${this.policies.revision} stays: ${problem}`)
    announcements.emit('policy', { revision: this.policies.revision, problems })
  }
}
