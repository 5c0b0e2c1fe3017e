/** Says what an instance does with the next call that reaches it. */
import type { Behaviour, Upstream } from './case.ts'
import { ok } from './words.ts'

/** The script of a service, and where it stands. */
export class Script {
  /** Everything is ok from now on. */
  healed = false
  readonly #upstream: Upstream
  #calls = 0
  readonly #callsOf: number[] = []

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  next(instance: number): Behaviour {
    if (this.healed) return ok
    const { each, does = [ok] } = this.#upstream
    const lines = each === undefined ? does : (each[instance] ?? [ok])
    const at = each === undefined ? this.#calls++ : (this.#callsOf[instance] ?? 0)
    if (each !== undefined) this.#callsOf[instance] = at + 1
    return (lines[at] ?? lines.at(-1) ?? ok) as Behaviour
  }
}
