/** What was asked of the bench on its command line. */
import { parseArgs } from 'node:util'

/** The flags that some bench or other takes. */
export interface BenchOptions {
  readonly json: boolean
  readonly watchers: number
  readonly mtls: boolean
  readonly grpc: boolean
  readonly tls: boolean
}

/** A bench by its name, or what is wrong with the command line; null: help was asked for. */
export type BenchOrder = { readonly name: string; readonly options: BenchOptions } | { readonly problem: string } | null

const flags = {
  json: { type: 'boolean' },
  watchers: { type: 'string' },
  mtls: { type: 'boolean' },
  grpc: { type: 'boolean' },
  tls: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

type Flag = keyof typeof flags

// Those of all benches besides.
const own: Readonly<Record<string, readonly Flag[]>> = { wire: ['mtls', 'grpc'], control: ['watchers', 'tls'] }

/** @param names of all benches */
export function readOrder(argv: readonly string[], names: readonly string[]): BenchOrder {
  let parsed: { readonly values: Partial<Record<Flag, boolean | string>>; readonly positionals: readonly string[] }
  try {
    // `pnpm bench -- stack` hands the two dashes on.
    parsed = parseArgs({ args: argv.filter((word) => word !== '--'), allowPositionals: true, options: flags })
  } catch (error) {
    return { problem: (error as Error).message }
  }
  const { values, positionals } = parsed
  if (values.help === true) return null
  const problems = problemsOf(positionals, values, names)
  if (problems.length > 0) return { problem: problems.join('; ') }
  const { json, mtls, grpc, tls, watchers = '1000' } = values
  const is = (flag: unknown): boolean => flag === true
  return {
    name: positionals[0] as string,
    options: { json: is(json), mtls: is(mtls), grpc: is(grpc), tls: is(tls), watchers: Number(watchers) },
  }
}

function problemsOf(given: readonly string[], values: Partial<Record<Flag, unknown>>, names: readonly string[]): string[] {
  const [name, another] = given
  if (name === undefined) return [`name one: ${names.join(', ')}`]
  if (!names.includes(name)) return [`there is no bench ${name}; there are ${names.join(', ')}`]
  if (another !== undefined) return [`one at a time: ${name}, or ${another}`]
  const foreign = (Object.keys(flags) as Flag[]).filter(
    (flag) => values[flag] !== undefined && flag !== 'json' && !own[name]?.includes(flag),
  )
  if (foreign.length > 0) return foreign.map((flag) => `--${flag} is none of ${name}'s flags`)
  if (values.grpc === true && values.mtls === true) return ['--grpc and --mtls exclude each other']
  const { watchers } = values
  return watchers === undefined || /^[1-9]\d{0,8}$/.test(String(watchers))
    ? []
    : [`--watchers: expected a whole number from 1, not ${String(watchers)}`]
}
