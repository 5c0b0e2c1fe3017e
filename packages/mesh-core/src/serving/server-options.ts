/** The options that a server takes whatever its protocol, and how the options of a server are checked whole. */
import { mtlsLabel } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { didYouMean } from '../policy/index.ts'

/** Set in code at start. */
export interface ServerOptions {
  /** 0 to 65,535; 0 takes a free one. */
  readonly port: number
  /** The address to listen on. Default: all interfaces. */
  readonly host?: string
  /** How long `close`, and the signals, wait for requests under way. Default 10,000 ms: within the 30 s that Kubernetes gives. */
  readonly graceMs?: number
  /** Asked by health checks, besides the mesh itself; false, an error, or no answer within 3 s means that this server must get no work. */
  readonly readiness?: () => boolean | Promise<boolean>
  /** SIGTERM and SIGINT drain the server, close its mesh, and end the process. Default true. */
  readonly signals?: boolean
  /**
   * Where callers reach this server, as the control API lists it: a host, or `host:port`. Default: the address it listens on, and where
   * that is all of them, the first one of this machine that is not internal.
   */
  readonly advertise?: string
  /** The `version` label of this instance. */
  readonly version?: string
  /** Further labels by which the versions of a policy select. */
  readonly labels?: Readonly<Record<string, string>>
  /** Where this instance stands. */
  readonly zone?: string
  /** Its share of calls relative to other instances. Default 1; 0 for none. */
  readonly weight?: number
}

/** The same with every default filled in. */
export interface ServerSettings {
  readonly port: number
  readonly host: string | undefined
  readonly graceMs: number
  readonly readiness: (() => boolean | Promise<boolean>) | null
  readonly signals: boolean
  /** What registries are told of this instance. */
  readonly listing: Listing
}

/** What a server says of itself beside its address. */
export interface Listing {
  /** '' where it follows from the address listened on. */
  readonly advertise: string
  readonly labels: Readonly<Record<string, string>>
  readonly zone: string
  readonly weight: number
}

/** Says what is wrong with a value, as the middle of a sentence; '' where nothing is. */
export type OptionCheck = (value: unknown) => string

/** A function. */
export const isFunction: OptionCheck = (value) => (typeof value === 'function' ? '' : 'expected a function')
/** True or false, and nothing that only passes for it. */
export const isBoolean: OptionCheck = (value) => (typeof value === 'boolean' ? '' : 'expected true or false')
/** A whole number from `least` to `most`. */
export const isWhole =
  (least: number, most: number): OptionCheck =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? ''
      : `expected a whole number from ${least} to ${most}`

const isText =
  (most: number): OptionCheck =>
  (value) =>
    typeof value === 'string' && value !== '' && value.length <= most ? '' : `expected a text of at most ${most} characters`

/** The checks of the options that every server takes. */
export const serverOptionChecks: Readonly<Record<keyof ServerOptions, OptionCheck>> = {
  port: isWhole(0, 65_535),
  host: (value) => (typeof value === 'string' && value !== '' ? '' : 'expected a host name or an address'),
  graceMs: isWhole(0, 3_600_000),
  readiness: isFunction,
  signals: isBoolean,
  advertise: (value) =>
    typeof value === 'string' && /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:[1-9]\d{0,4})?$/.test(value)
      ? ''
      : 'expected a host, or `host:port`, an IPv6 host in brackets',
  version: isText(256),
  labels: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([name, text]) => isText(128)(name) === '' && isText(256)(text) === '')
      ? ''
      : 'expected a map of texts',
  zone: isText(128),
  weight: (value) => (typeof value === 'number' && value >= 0 && value <= 1_000_000 ? '' : 'expected a number from 0 to 1000000'),
}

/** What is checked at once. */
export interface CheckedServer {
  /** The function that was called, as the error names it. */
  readonly door: string
  /** What is wrong with the other things it was given. */
  readonly problems: readonly string[]
  /** {@link serverOptionChecks} and the protocol's own. */
  readonly checks: Readonly<Record<string, OptionCheck>>
}

/**
 * Checks the options of a server and fills in the defaults of those that every server takes.
 * @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint
 */
export function serverSettings(options: ServerOptions, { door, problems: found, checks }: CheckedServer): ServerSettings {
  const problems = [...found]
  if (typeof options !== 'object' || options === null) problems.push('options: expected an object with a `port`')
  else if (options.port === undefined) problems.push('port: missing; 0 takes a free one')
  for (const [name, value] of Object.entries(options ?? {})) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    const problem = value === undefined ? '' : check?.(value)
    if (check === undefined) problems.push(`unknown option \`${name}\`${didYouMean(name, Object.keys(checks))}`)
    else if (problem !== '') problems.push(`${name}: ${problem}, not ${JSON.stringify(value) ?? String(value)}`)
  }
  const { version, labels, zone, weight, advertise } = options ?? {}
  if (version !== undefined && labels?.version !== undefined && labels.version !== version) {
    problems.push('version: differs from the label `version`; give one of them')
  }
  if (labels?.[mtlsLabel] !== undefined) problems.push(`labels: \`${mtlsLabel}\` is the mesh's own`)
  if (problems.length > 0) throw new MeshError({ code: 'BAD_OPTIONS', message: `${door}: ${problems.join('; ')}` })
  return {
    port: options.port,
    host: options.host,
    graceMs: options.graceMs ?? 10_000,
    readiness: options.readiness ?? null,
    signals: options.signals ?? true,
    listing: {
      advertise: advertise ?? '',
      labels: version === undefined ? { ...labels } : { ...labels, version },
      zone: zone ?? '',
      weight: weight ?? 1,
    },
  }
}
