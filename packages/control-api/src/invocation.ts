/** What was asked for on the command line: settings from flags, environment and a file, or a command. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Checked, checked, didYouMean, formatPath, type Position, readYaml } from '@zerohop/mesh-core/policy'
import { isLoopback } from './loopback.ts'
import { BadSettings, type ControlSettings, meanings, type SettingName, settingsSchema } from './settings.ts'

const names = Object.keys(meanings) as SettingName[]
const prefix = 'ZEROHOP_CONTROL_'
const switches = ['rotate-admin-token', 'help', 'version'] as const
const rotateRoot = 'rotate-root'
const tokenVariable = 'ZEROHOP_ADMIN_TOKEN'

/** Which control API is to turn its root over. */
export interface RotationOrder {
  /** Its origin. */
  readonly control: URL
  /** The path of a file with the roots by which its TLS is believed; null: those of Node.js. */
  readonly ca: string | null
  readonly token: string
}

/** What was asked for on the command line. */
export type Invocation =
  | { readonly task: 'help' }
  | { readonly task: 'version' }
  | { readonly task: typeof rotateRoot; readonly order: RotationOrder }
  | { readonly task: 'run' | 'rotate-admin-token'; readonly settings: ControlSettings }

/**
 * @param argv what follows the name of the program
 * @throws BadSettings
 */
export function readInvocation(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Invocation {
  if (argv[0] === rotateRoot) return rotationOf(argv.slice(1), environment)
  const problems: string[] = []
  const flags = readFlags(argv, problems)
  const given = readEnvironment(environment, problems)
  if (flags.on.has('help')) return { task: 'help' }
  if (flags.on.has('version')) return { task: 'version' }
  const path = flags.values.get('config') ?? given.get('config')
  if (path === '') problems.push(`${flags.values.has('config') ? '--config' : `${prefix}CONFIG`}: expected the path of a file`)
  const file = path === undefined || path === '' ? {} : readFile(path, problems)
  for (const [name, value] of given) if (name !== 'config') judge(`${prefix}${inCapitals(name)}`, name as SettingName, { value, problems })
  for (const [name, value] of flags.values) if (name !== 'config') judge(`--${withDashes(name)}`, name as SettingName, { value, problems })
  if (problems.length > 0) throw new BadSettings(problems.join('\n'))
  const texts = [...given, ...flags.values].filter(([name]) => name !== 'config')
  const written = { ...file, ...Object.fromEntries(texts.map(([name, value]) => [name, plain(name as SettingName, value)])) }
  const result = checked(settingsSchema, written)
  if (!result.ok) throw new BadSettings(result.complaints.map((one) => `${formatPath(one.path)}: ${one.text}`).join('\n'))
  return { task: flags.on.has('rotate-admin-token') ? 'rotate-admin-token' : 'run', settings: result.value }
}

function rotationOf(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Invocation {
  let values: { readonly control?: string; readonly ca?: string; readonly help?: boolean }
  try {
    const options = { control: { type: 'string' }, ca: { type: 'string' }, help: { type: 'boolean' } } as const
    values = parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new BadSettings(`${rotateRoot}: ${(error as Error).message}; see --help`)
  }
  if (values.help === true) return { task: 'help' }
  const control = URL.parse(values.control ?? '')
  const token = environment[tokenVariable] ?? ''
  const problems: string[] = []
  if (control === null || !/^https?:$/.test(control.protocol)) problems.push('--control: expected a URL such as https://127.0.0.1:7443')
  else if (control.href !== `${control.origin}/`) problems.push(`--control: expected the origin alone, ${control.origin}`)
  else if (control.protocol === 'http:' && !isLoopback(control.hostname)) {
    problems.push(`--control: the admin token could be read on the way to ${control.host} without TLS: expected https`)
  }
  if (token === '') problems.push(`${tokenVariable}: an admin token is wanted there`)
  if (control === null || problems.length > 0) throw new BadSettings(problems.join('\n'))
  return { task: rotateRoot, order: { control, ca: values.ca ?? null, token } }
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = names.map((name) => {
    const [shown, meaning] = meanings[name]
    return [`--${withDashes(name)} ${shown}`, `${prefix}${inCapitals(name)}`, name, meaning] as const
  })
  const settings = rows.map(([flag, variable, key, meaning]) => `  ${flag.padEnd(26)} ${variable.padEnd(34)} ${key.padEnd(16)} ${meaning}`)
  return `Usage: control-api [flags]
       control-api rotate-root --control URL [--ca FILE]

Policy in one place for a Zerohop mesh: checks it, keeps it, and pushes it to every process.

  ${'flag'.padEnd(26)} ${'variable'.padEnd(34)} ${'key of the file'.padEnd(16)}
${settings.join('\n')}
  ${'--config FILE'.padEnd(26)} ${`${prefix}CONFIG`.padEnd(34)} ${''.padEnd(16)} A YAML file with the keys above.

A flag counts before a variable, a variable before the file, the file before the default.

  rotate-root                Turns the root of the authority over, in a running control API, and follows that to its end: the exit code
                             says whether it got there. The admin token stands in ${tokenVariable}; FILE holds the
                             roots, as ca.pem in the data directory does. It can be called again at any time.
  --rotate-admin-token       Makes a new admin token, voids all earlier ones, prints it, and ends. The control API must not be running.
  --version                  Prints the version.
  --help                     Prints this.

Exit code: 0 after a good end, 1 where it could not go on, and the last line says why, 2 where it was told something that it cannot understand.
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
    else if (argv[at] === rotateRoot) problems.push(`${rotateRoot}: a command stands first; see --help`)
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

function judge(origin: string, name: SettingName, { value, problems }: { readonly value: string; readonly problems: string[] }): void {
  const result = checked(settingsSchema, { [name]: plain(name, value) })
  if (!result.ok) problems.push(...result.complaints.map(({ text }) => `${origin}: ${text}`))
}

/** Text as the schema wants it: numbers where a number is meant. */
function plain(name: SettingName, value: string): string | number {
  return (name === 'port' || name === 'maxConnections') && /^\d{1,9}$/.test(value) ? Number(value) : value
}

function withDashes(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function inCapitals(name: string): string {
  return withDashes(name).replaceAll('-', '_').toUpperCase()
}
