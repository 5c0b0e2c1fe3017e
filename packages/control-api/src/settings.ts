/** The settings of a control API: what each may be, what it means, and what holds otherwise. */
import { parseDuration, trustDomainSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'

const hourMs = 3_600_000

function duration(leastMs: number, mostMs: number, range: string) {
  const expected = `expected a duration ${range}`
  return z.union([z.string(), z.number()], { error: expected }).transform((value, context) => {
    const ms = parseDuration(value)
    if (ms !== null && ms >= leastMs && ms <= mostMs) return ms
    context.addIssue({ code: 'custom', message: expected, input: value })
    return z.NEVER
  })
}

function count(least: number, most: number) {
  const expected = `expected a whole number from ${least} to ${most}`
  return z.number(expected).int(expected).min(least, expected).max(most, expected)
}

const path = z.string().min(1, 'expected the path of a file')
const names = z
  .union([z.string(), z.array(z.string())], { error: 'expected names joined by commas' })
  .transform((given) => (typeof given === 'string' ? given.split(',') : given).map((name) => name.trim()).filter((name) => name !== ''))
  .refine((list) => list.length <= 64, 'expected at most 64 names')

const fields = z.strictObject({
  host: z.string().min(1, 'expected an address, such as 127.0.0.1').max(255).default('127.0.0.1'),
  port: count(0, 65_535).default(7443),
  data: z.string().min(1, 'expected the path of a directory').default('./zerohop-data'),
  lease: duration(1000, hourMs, 'from 1s to 1h, such as "30s"').default(30_000),
  maxConnections: count(1, 1_000_000).default(25_000),
  tls: z.enum(['on', 'off']).default('on'),
  tlsNames: names.default([]),
  trustDomain: trustDomainSchema.min(1, 'expected a name, such as shop.internal').default('zerohop.local'),
  leafLife: duration(10_000, 90 * 24 * hourMs, 'from 10s to 2160h (90 days), such as "24h"').default(24 * hourMs),
  caKeyFile: path.optional(),
  caPassphraseFile: path.optional(),
})

/** Strict: what is not known here is refused. */
export const settingsSchema = fields.superRefine(({ caKeyFile, caPassphraseFile }, context) => {
  if (caKeyFile === undefined || caPassphraseFile === undefined) return
  context.addIssue({ code: 'custom', path: ['caKeyFile'], message: 'expected a key file or a passphrase file, not both' })
})

/** All settings, checked. Durations in milliseconds. */
export type ControlSettings = z.output<typeof settingsSchema>

/** Settings as a program gives them that embeds a control API: as in the file, and whether it speaks TLS is said. */
export type GivenSettings = z.input<typeof settingsSchema> & { readonly tls: 'on' | 'off' }

/** The name of a setting, as it is written in the file. */
export type SettingName = keyof ControlSettings

/** What `--help` says of each. */
export const meanings: Readonly<Record<SettingName, readonly [shown: string, meaning: string]>> = {
  host: ['ADDRESS', 'Where to listen. Default 127.0.0.1: this machine alone.'],
  port: ['NUMBER', 'Default 7443; 0 takes any that is free.'],
  data: ['DIRECTORY', 'Where everything is kept. Default ./zerohop-data; made where it is missing.'],
  lease: ['DURATION', 'How long an instance is believed to be there after it last said so. Default 30s.'],
  maxConnections: ['NUMBER', 'More than so many are closed as they come: each instance keeps one. Default 25000.'],
  tls: ['on|off', 'Off: plaintext, and no identities are issued. Default on.'],
  tlsNames: ['NAMES', 'Host names and IP addresses of its TLS certificate, joined by commas. Default: this machine and loopback.'],
  trustDomain: ['NAME', 'Where SPIFFE IDs begin, for good: spiffe://NAME/svc/cart. Default zerohop.local.'],
  leafLife: ['DURATION', 'How long a certificate of a service is valid, 10s to 2160h. Default 24h.'],
  caKeyFile: ['FILE', 'Seals the keys of the authority. Default: ca.key in the data directory, made on the first start.'],
  caPassphraseFile: ['FILE', 'Holds a passphrase that seals them, in place of a key file.'],
}

/** Settings cannot be understood; the message has a line for each problem. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings'
}
