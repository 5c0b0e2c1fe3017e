/** What a program says about its control API, and what follows from it. */
import { randomBytes } from 'node:crypto'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { instanceIdSchema } from '../policy/exchange.ts'

/** Set in code at start. */
export interface ControlOptions {
  /** Where the control API is: its origin, such as `https://control:7443`, or several, tried in their order. Policies and endpoints come from there. */
  readonly control?: string | readonly string[]
  /** The service's token, or a function that is asked for it before every request. */
  readonly token?: string | (() => string)
  /**
   * The roots by which the control API is believed, as the path of a PEM file. Default: the one that the token names by its fingerprint, or those of
   * the system where it names none.
   */
  readonly controlCa?: string
  /** Names this process among the instances of its service. Default: made of the host's name, the process id and a random part. */
  readonly instance?: string
  /** Where the last good document is kept, for a start without control API; false for nowhere. Default: `zerohop-<user id>` in the directory for temporary files. */
  readonly lastGood?: string | false
  /**
   * What becomes of calls to names that could be a service's (without a dot, or with one of `suffixes`) and are not. `open` (default): they pass
   * through, unless the policy that would hold for them is `mtls: strict`. `registered-only`: they fail with NOT_REGISTERED, also while the control
   * API cannot be asked.
   */
  readonly outbound?: 'open' | 'registered-only'
  /** Endings of names with dots that are services too, such as `.shop.internal`. Default: none. */
  readonly suffixes?: readonly string[]
}

/** The options with every default filled in. */
export interface ControlSettings {
  readonly addresses: readonly string[]
  readonly token: (() => string) | null
  /** The path of the roots by which the control API is believed; null for none. */
  readonly ca: string | null
  readonly instance: string
  /** null for nowhere. */
  readonly lastGood: string | null
  readonly registeredOnly: boolean
  readonly suffixes: readonly string[]
}

const expectedAddress = 'expected an origin such as "https://control:7443": http or https, a host, a port, and nothing else'

const expectedDirectory = 'expected a directory, or false for none'

const addressSchema = z.string(expectedAddress).refine(isOrigin, expectedAddress)

const tokenText = z.string().regex(/^[\x21-\x7e]{1,4096}$/, 'expected 1 to 4096 visible characters without spaces')

/** The fields of {@link ControlOptions}, as `createMesh` checks them. */
export const controlFields = {
  control: z
    .union([addressSchema, z.array(addressSchema).min(1, 'expected at least one address').max(16, 'expected at most 16 addresses')], {
      error: 'expected the origin of a control API, or a list of them',
    })
    .optional(),
  // A union would show what it was given in its message.
  token: z
    .custom<string | (() => string)>(
      isToken,
      'expected a text of 1 to 4096 visible characters without spaces, or a function that returns one',
    )
    .optional(),
  controlCa: z.string().min(1, 'expected the path of a PEM file').optional(),
  instance: instanceIdSchema.optional(),
  lastGood: z.union([z.literal(false), z.string().min(1, expectedDirectory)], { error: expectedDirectory }).optional(),
  outbound: z.enum(['open', 'registered-only']).optional(),
  suffixes: z
    .array(
      z.string().regex(/^\.[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'expected an ending such as ".shop.internal": a dot, then lower-case letters'),
    )
    .max(64, 'expected at most 64 endings')
    .optional(),
} as const

/** What is wrong with the options together, as sentences. */
export function controlContradictions(options: ControlOptions & { readonly policy?: unknown }): string[] {
  if (options.control !== undefined) {
    return [
      ...(options.policy === undefined ? [] : ['policy: with `control` the policies come from there; give one of the two']),
      ...(options.controlCa === undefined || isSecure(options.control) ? [] : ['controlCa: means nothing without an `https:` address']),
    ]
  }
  const alone = Object.keys(controlFields).filter((name) => name !== 'control' && options[name as keyof ControlOptions] !== undefined)
  return alone.map((name) => `${name}: means nothing without \`control\``)
}

/** Fills in the defaults; null where there is no control API. */
export function controlSettings(options: ControlOptions): ControlSettings | null {
  const { control, token, controlCa, instance, lastGood, outbound, suffixes } = options
  if (control === undefined) return null
  return {
    addresses: [...new Set([control].flat().map((address) => new URL(address).origin))],
    token: token === undefined ? null : typeof token === 'function' ? token : () => token,
    ca: controlCa ?? null,
    instance: instance ?? madeInstance(),
    lastGood: lastGood === false ? null : (lastGood ?? join(tmpdir(), `zerohop-${process.getuid?.() ?? userInfo().username}`)),
    registeredOnly: outbound === 'registered-only',
    suffixes: suffixes ?? [],
  }
}

/** True where every address is asked over TLS. */
export function isSecure(control: string | readonly string[]): boolean {
  return [control].flat().every((address) => URL.parse(address)?.protocol === 'https:')
}

function isToken(value: unknown): value is string | (() => string) {
  return typeof value === 'function' || tokenText.safeParse(value).success
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
}

function madeInstance(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
  return `${host === '' ? 'host' : host}-${process.pid}-${randomBytes(4).toString('hex')}`
}
