/** What a step of the story has at hand, and what a step is. */
import type { Consul } from '../run/consul.ts'
import type { ControlApi } from '../run/control-api.ts'
import type { Fleet } from '../run/fleet.ts'
import type { PolicyFiles } from '../run/policy-files.ts'
import type { Shoppers } from '../shoppers/shoppers.ts'

/** The shop, its shoppers, and somebody who tells what happens. */
export interface Stage {
  readonly control: ControlApi
  /** Where endpoints come from; null where that is the control API too. */
  readonly consul: Consul | null
  readonly fleet: Fleet
  readonly policies: PolicyFiles
  readonly shoppers: Shoppers
  /** How long a breaker stays open in this run. */
  readonly openForMs: number
  /** Tells what is being done. */
  say(line: string): void
}

/** What a step found: numbers measured in this run. */
export interface Seen {
  readonly seen: string
  readonly ok: boolean
}

/** One step of the story. */
export interface Step {
  readonly name: string
  expected(stage: Stage): string
  play(stage: Stage): Promise<Seen>
}
