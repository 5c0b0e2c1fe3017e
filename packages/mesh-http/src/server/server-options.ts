/** The options of `serveHttp`, checked whole. */
import { didYouMean } from '@zerohop/mesh-core/policy'
import { MeshError } from '@zerohop/mesh-core/transport'
import type { UpgradeHandler } from './upgrade.ts'

/** Set in code at start. */
export interface HttpServerOptions {
  /** 0 to 65,535; 0 takes a free one. */
  readonly port: number
  /** The address to listen on. Default: all interfaces. */
  readonly host?: string
  /** How long `close`, and the signals, wait for requests under way. Default 10,000 ms: within the 30 s that Kubernetes gives. */
  readonly graceMs?: number
  /** Asked by `/readyz`, besides the mesh itself; false, an error, or no answer within 3 s is 503. */
  readonly readiness?: () => boolean | Promise<boolean>
  /** What stands before `/livez` and `/readyz`, such as `/internal`; false for no health pages. Default: nothing. */
  readonly health?: string | false
  /** The longest head of a request, in bytes; a longer one gets 431. Default 16,384 (node's). */
  readonly maxHeaderBytes?: number
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
  /** Gets the connections that ask to leave HTTP, such as WebSockets. Without it such a request is served like any other. */
  readonly upgrade?: UpgradeHandler
}

/** Options with every default filled in. */
export interface ServerSettings {
  readonly port: number
  readonly host: string | undefined
  readonly graceMs: number
  readonly readiness: (() => boolean | Promise<boolean>) | null
  readonly health: string | null
  readonly maxHeaderBytes: number
  readonly signals: boolean
  readonly upgrade: UpgradeHandler | null
  /** What the control API is told of this instance. */
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

type Check = (value: unknown) => string

const isFunction: Check = (value) => (typeof value === 'function' ? '' : 'expected a function')
const isBoolean: Check = (value) => (typeof value === 'boolean' ? '' : 'expected true or false')
const isWhole =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? ''
      : `expected a whole number from ${least} to ${most}`

const isText =
  (most: number): Check =>
  (value) =>
    typeof value === 'string' && value !== '' && value.length <= most ? '' : `expected a text of at most ${most} characters`

const checks: Readonly<Record<keyof HttpServerOptions, Check>> = {
  port: isWhole(0, 65_535),
  host: (value) => (typeof value === 'string' && value !== '' ? '' : 'expected a host name or an address'),
  graceMs: isWhole(0, 3_600_000),
  readiness: isFunction,
  health: (value) =>
    value === false || (typeof value === 'string' && /^(\/[^\s?#]*[^\s?#/])?$/.test(value))
      ? ''
      : 'expected a path such as "/internal", or false',
  maxHeaderBytes: isWhole(1024, 1_048_576),
  signals: isBoolean,
  upgrade: isFunction,
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

/**
 * Checks the options of `serveHttp` and fills in the defaults.
 * @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint
 */
export function serverSettings(app: unknown, options: HttpServerOptions): ServerSettings {
  const problems: string[] = []
  if (typeof app !== 'function')
    problems.push('app: expected a function of (request, response), such as an Express app or `app.callback()` of Koa')
  if (typeof options !== 'object' || options === null) problems.push('options: expected an object with a `port`')
  else if (options.port === undefined) problems.push('port: missing; 0 takes a free one')
  for (const [name, value] of Object.entries(options ?? {})) {
    if (!Object.hasOwn(checks, name)) problems.push(`unknown option \`${name}\`${didYouMean(name, Object.keys(checks))}`)
    else if (value !== undefined) {
      const problem = checks[name as keyof HttpServerOptions](value)
      if (problem !== '') problems.push(`${name}: ${problem}, not ${JSON.stringify(value) ?? String(value)}`)
    }
  }
  const { version, labels, zone, weight, advertise } = options ?? {}
  if (version !== undefined && labels?.version !== undefined && labels.version !== version) {
    problems.push('version: differs from the label `version`; give one of them')
  }
  if (problems.length > 0) throw new MeshError({ code: 'BAD_OPTIONS', message: `serveHttp: ${problems.join('; ')}` })
  return {
    port: options.port,
    host: options.host,
    graceMs: options.graceMs ?? 10_000,
    readiness: options.readiness ?? null,
    health: options.health === false ? null : (options.health ?? ''),
    maxHeaderBytes: options.maxHeaderBytes ?? 16_384,
    signals: options.signals ?? true,
    upgrade: options.upgrade ?? null,
    listing: {
      advertise: advertise ?? '',
      labels: version === undefined ? { ...labels } : { ...labels, version },
      zone: zone ?? '',
      weight: weight ?? 1,
    },
  }
}
