/** Contestants that do the same thing by different means, called in turns until the middle of what each costs is certain enough. */
import { Ambient, runUnder } from '@zerohop/mesh-core/transport'
import { type CpuMeter, type Figures, type Load, measure } from './load.ts'
import { interleave } from './rounds.ts'

const warmingRounds = 3

/** One of them. */
export interface Contestant {
  readonly call: () => Promise<unknown>
  readonly load: Load
  /** Whose CPU counts. Default: the client's. */
  readonly cpu?: CpuMeter
}

/** Runs some rounds of each to warm it up, and then those that count. */
export async function race(rounds: number, contestants: Readonly<Record<string, Contestant>>): Promise<Figures> {
  const all = Object.entries(contestants).map(([name, { call, load, cpu }]) => [name, () => measure(call, load, cpu)] as const)
  // Under an inbound request, as most calls are.
  return runUnder(new Ambient(null, '', Number.POSITIVE_INFINITY), async () => {
    for (let warming = 0; warming < warmingRounds; warming++) for (const [, round] of all) await round()
    return interleave(Object.fromEntries(all), rounds)
  })
}
