/** The flags of the demo. */
import { parseArgs } from 'node:util'

/** How the demo is run. */
export interface Flags {
  readonly keep: boolean
  readonly json: boolean
  readonly unhurried: boolean
  readonly consul: boolean
  readonly help: boolean
}

/** What `--help` prints. */
export const help = `The shop: six services on the Zerohop mesh, and what happens to them.

  --keep        leave the shop running after the story, and print its addresses, that of the control API and its admin token
  --json        end with one line of JSON: {"steps":[{"name","expected","seen","ok"}],"ok"}
  --unhurried   keep a breaker open for 30 s, as the policy says, instead of 3, a lease for 30 s instead of 5, a certificate for 60 s instead of 20
  --consul      let the services find each other in a Consul, which is fetched and started for the run
  --help        print this

Exit code: 0 if every step held, 1 if one did not or --consul cannot be had, 2 for an unknown flag.`

/** Reads the command line. @throws TypeError that names an unknown flag */
export function readFlags(args: readonly string[]): Flags {
  // `pnpm demo -- --json` hands the two dashes on.
  const own = args[0] === '--' ? args.slice(1) : args
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({ args: [...own], options: { keep: flag, json: flag, unhurried: flag, consul: flag, help: flag } })
  return values as Flags
}
