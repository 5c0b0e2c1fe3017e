/** The settings of a control API, and where they come from: flags, environment, a file, and what holds otherwise. */
import { readFileSync } from 'node:fs'
import { type Checked, checked, didYouMean, formatPath, type Position, parseDuration, readYaml } from '@zerohop/mesh-core/policy'
import { z } from 'zod'

const milliseconds = z.union([z.string(), z.number()], { error: 'expected a duration such as "30s"' }).transform((value, context) => {
  const ms = parseDuration(value)
  if (ms !== null && ms >= 1000 && ms <= 3_600_000) return ms
  context.addIssue({ code: 'custom', message: 'expected a duration from 1s to 1h, such as "30s"', input: value })
  return z.NEVER
})

function count(least: number, most: number) {
  const expected = `expected a whole number from ${least} to ${most}`
  return z.number(expected).int(expected).min(least, expected).max(most, expected)
}

const settingsSchema = z.strictObject({
  host: z.string().min(1, 'expected an address, such as 127.0.0.1').max(255).default('127.0.0.1'),
  port: count(0, 65_535).default(7443),
  data: z.string().min(1, 'expected the path of a directory').default('./zerohop-data'),
  lease: milliseconds.default(30_000),
  maxConnections: count(1, 1_000_000).default(25_000),
})

/** Durations in milliseconds. */
export type ControlSettings = z.output<typeof settingsSchema>

type Name = keyof ControlSettings

const meanings: Readonly<Record<Name, readonly [shown: string, meaning: string]>> = {
  host: ['ADDRESS', 'Where to listen. Default 127.0.0.1: this machine alone.'],
  port: ['NUMBER', 'Default 7443; 0 takes any that is free.'],
  data: ['DIRECTORY', 'Where everything is kept. Default ./zerohop-data; made where it is missing.'],
  lease: ['DURATION', 'How long an instance is believed to be there after it last said so. Default 30s.'],
  maxConnections: ['NUMBER', 'More than so many are closed as they come: each instance keeps one. Default 25000.'],
}

const names = Object.keys(meanings) as Name[]
const prefix = 'ZEROHOP_CONTROL_'
const switches = ['rotate-admin-token', 'help', 'version'] as const

/** What was asked for on the command line. */
export type Invocation =
  | { readonly task: 'help' }
  | { readonly task: 'version' }
  | { readonly task: 'run' | 'rotate-admin-token'; readonly settings: ControlSettings }

/** Settings cannot be understood; the message has a line for each problem. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings'
}

/**
 * @param argv what follows the name of the program
 * @throws BadSettings
 */
export function readInvocation(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Invocation {
  const problems: string[] = []
  const flags = readFlags(argv, problems)
  const given = readEnvironment(environment, problems)
  if (flags.on.has('help')) return { task: 'help' }
  if (flags.on.has('version')) return { task: 'version' }
  const path = flags.values.get('config') ?? given.get('config')
  const file = path === undefined ? {} : readFile(path, problems)
  for (const [name, value] of given) if (name !== 'config') judge(`${prefix}${inCapitals(name)}`, name as Name, { value, problems })
  for (const [name, value] of flags.values) if (name !== 'config') judge(`--${withDashes(name)}`, name as Name, { value, problems })
  if (problems.length > 0) throw new BadSettings(problems.join('\n'))
  const texts = [...given, ...flags.values].filter(([name]) => name !== 'config')
  const written = { ...file, ...Object.fromEntries(texts.map(([name, value]) => [name, plain(name as Name, value)])) }
  const settings = settingsSchema.parse(written)
  return { task: flags.on.has('rotate-admin-token') ? 'rotate-admin-token' : 'run', settings }
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = names.map((name) => {
    const [shown, meaning] = meanings[name]
    return [`--${withDashes(name)} ${shown}`, `${prefix}${inCapitals(name)}`, name, meaning] as const
  })
  const settings = rows.map(([flag, variable, key, meaning]) => `  ${flag.padEnd(26)} ${variable.padEnd(32)} ${key.padEnd(15)} ${meaning}`)
  return `Usage: control-api [flags]

Policy in one place for a Zerohop mesh: checks it, keeps it, and pushes it to every process.

  ${'flag'.padEnd(26)} ${'variable'.padEnd(32)} ${'key of the file'.padEnd(15)}
${settings.join('\n')}
  ${'--config FILE'.padEnd(26)} ${`${prefix}CONFIG`.padEnd(32)} ${''.padEnd(15)} A YAML file with the keys above.

A flag counts before a variable, a variable before the file, the file before the default.

  --rotate-admin-token       Makes a new admin token, voids all earlier ones, prints it, and ends.
  --version                  Prints the version.
  --help                     Prints this.
`
}

interface Flags {
  readonly on: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
}

function readFlags(argv: readonly string[], problems: string[]): Flags {
  const on = new Set<string>()
  const values = new Map<string, string>()
  const known = [...names.map(withDashes), 'config', ...switches]
  for (let at = 0; at < argv.length; at++) {
    const [, flag = '', inline] = /^--([^=]+)(?:=(.*))?$/s.exec(argv[at] as string) ?? []
    const name = [...names, 'config'].find((one) => withDashes(one) === flag)
    if (switches.includes(flag as (typeof switches)[number]) && inline === undefined) on.add(flag)
    else if (name === undefined) problems.push(`${argv[at]}: no such flag${didYouMean(flag, known).replaceAll('`', '')}; see --help`)
    else {
      const value = inline ?? argv[++at]
      if (value === undefined) problems.push(`--${flag}: a value is missing`)
      else if (values.has(name)) problems.push(`--${flag}: written twice`)
      else values.set(name, value)
    }
  }
  return { on, values }
}

// Kubernetes tells every container of its services: one called `zerohop-control` gives variables of these forms.
const serviceLink = /^ZEROHOP_CONTROL_(SERVICE_.*|PORT_\d+_.*)$/
const serviceLinkPort = /^(tcp|udp|sctp):\/\//

function readEnvironment(environment: Readonly<Record<string, string | undefined>>, problems: string[]): Map<string, string> {
  const values = new Map<string, string>()
  const known = [...names, 'config']
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || value === undefined || serviceLink.test(variable)) continue
    if (variable === `${prefix}PORT` && serviceLinkPort.test(value)) continue
    const name = known.find((one) => `${prefix}${inCapitals(one)}` === variable)
    const hint = didYouMean(
      variable,
      known.map((one) => prefix + inCapitals(one)),
    ).replaceAll('`', '')
    if (name === undefined) problems.push(`${variable}: no such variable${hint}; see --help`)
    else values.set(name, value)
  }
  return values
}

function readFile(path: string, problems: string[]): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    problems.push(`${path}: cannot be read: ${(error as Error).message}`)
    return {}
  }
  const reading = readYaml(text, 65_536)
  const [document, second] = reading.documents
  const at = ({ line, column }: Position) => `${path}:${line}:${column}`
  for (const problem of reading.problems) problems.push(`${at(problem)}: ${problem.text}`)
  if (second !== undefined) problems.push(`${path}: expected one document`)
  if (reading.problems.length > 0 || document === undefined || document.blank) return {}
  const result: Checked<ControlSettings> = checked(settingsSchema, document.value)
  if (result.ok) return document.value as Record<string, unknown>
  for (const complaint of result.complaints) {
    problems.push(`${at(document.locate(complaint.path, complaint.atKey))}: ${formatPath(complaint.path)}: ${complaint.text}`)
  }
  return {}
}

function judge(origin: string, name: Name, { value, problems }: { readonly value: string; readonly problems: string[] }): void {
  const result = checked(settingsSchema, { [name]: plain(name, value) })
  if (!result.ok) problems.push(...result.complaints.map(({ text }) => `${origin}: ${text}`))
}

/** Text as the schema wants it: numbers where a number is meant. */
function plain(name: Name, value: string): string | number {
  return (name === 'port' || name === 'maxConnections') && /^\d{1,9}$/.test(value) ? Number(value) : value
}

function withDashes(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function inCapitals(name: string): string {
  return withDashes(name).replaceAll('-', '_').toUpperCase()
}
