/** What a program says of its services in DNS, checked. */
import { isIP } from 'node:net'
import { type Log, MeshError } from '@zerohop/mesh-core'
import { checked, complaintText, nameSchema } from '@zerohop/mesh-core/policy'
import { stderrLog } from '@zerohop/mesh-core/transport'
import { z } from 'zod'
import { readAddress } from '../address.ts'
import type { DnsServer } from './dns-exchange.ts'
import type { DnsTarget } from './dns-target.ts'

const placeholder = '{service}'
const dnsPort = 53
// A day: a slip of the unit is caught.
const longestMs = 86_400_000

const targetSchema = z
  .union(
    [
      z.string(),
      z.strictObject({
        name: z.string().describe('Absolute: no search domain is added.'),
        type: z.enum(['A', 'AAAA', 'SRV'], 'expected A, AAAA or SRV').optional().describe('Default: A, and AAAA where the name has no A.'),
        port: z.number().optional().describe('Of every endpoint. With SRV the records tell it.'),
      }),
    ],
    { error: 'expected a text such as "inventory.internal:8080" or "_http._tcp.inventory.internal", or a map with `name`' },
  )
  .transform((written, context): DnsTarget => {
    const reading = readTarget(written)
    if (typeof reading !== 'string') return reading
    context.addIssue({ code: 'custom', message: reading, input: written })
    return z.NEVER
  })

const templateSchema = z.string().superRefine((written, context) => {
  const reading = written.includes(placeholder) ? readTarget(written.replaceAll(placeholder, 'a')) : `expected ${placeholder} in it`
  if (typeof reading === 'string') context.addIssue({ code: 'custom', message: reading, input: written })
})

const serverSchema = z.string().transform((written, context): DnsServer => {
  const whole = isIP(written) === 6 ? `[${written}]:${dnsPort}` : isIP(written) === 4 ? `${written}:${dnsPort}` : written
  const reading = readAddress(whole)
  const address = 'address' in reading ? readHostAndPort(reading.address) : null
  if (address !== null && isIP(address.host) !== 0) return address
  context.addIssue({ code: 'custom', message: 'expected an IP address, or one with a port such as "10.0.0.2:5353"', input: written })
  return z.NEVER
})

const milliseconds = (least: number) => {
  const expected = `expected a number of milliseconds from ${least} to ${longestMs}`
  return z.number(expected).min(least, expected).max(longestMs, expected)
}

const logSchema = z.custom<Log>(
  (value) =>
    ['info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown> | null | undefined)?.[level] === 'function'),
  'expected an object with the functions info, warn and error',
)

const optionsSchema = z
  .strictObject({
    services: z.record(nameSchema, targetSchema).default({}),
    template: templateSchema.optional(),
    servers: z.array(serverSchema).min(1, 'expected at least one server').max(8, 'expected at most 8 servers').optional(),
    timeoutMs: milliseconds(10).optional(),
    minTtlMs: milliseconds(100).default(1000),
    maxTtlMs: milliseconds(100).default(60_000),
    holdEmptyMs: milliseconds(0).default(30_000),
    log: logSchema.default(stderrLog),
  })
  .refine(({ services, template }) => template !== undefined || Object.keys(services).length > 0, {
    path: ['services'],
    message: 'expected at least one service, or a `template`',
  })
  .refine(({ servers, timeoutMs }) => servers !== undefined || timeoutMs === undefined, {
    path: ['timeoutMs'],
    message: 'means nothing without `servers`: those of /etc/resolv.conf are asked as its `timeout` says',
  })
  .refine(({ minTtlMs, maxTtlMs }) => minTtlMs <= maxTtlMs, { path: ['minTtlMs'], message: 'is longer than `maxTtlMs`' })

/** Set in code at start. */
export interface DnsEndpointsOptions {
  /**
   * Services by name: `'inventory.internal:8080'` for the addresses of a name, `'_http._tcp.inventory.internal'` for its SRV records, or a map
   * with `name`, `type` (`A`, `AAAA`, `SRV`) and `port`. Names are absolute: no search domain is added.
   */
  readonly services?: Readonly<
    Record<string, string | { readonly name: string; readonly type?: 'A' | 'AAAA' | 'SRV'; readonly port?: number }>
  >
  /**
   * For every other service whose name has no dot: `'{service}.shop.svc.cluster.local:8080'` or `'_http._tcp.{service}.internal'`. Every host of
   * one word then belongs to the mesh. Default: none.
   */
  readonly template?: string
  /** IP addresses, with a port where it is not 53. Default: those of /etc/resolv.conf, with its `timeout` and `attempts`. */
  readonly servers?: readonly string[]
  /** How long each of `servers` may take. Default 2,000. Not without `servers`: resolv.conf says it of its own. */
  readonly timeoutMs?: number
  /** An answer is believed for this long at the least. Default 1,000: a lifetime of 0 would be a question per call elsewhere. */
  readonly minTtlMs?: number
  /** And for this long at the most. Default 60,000. */
  readonly maxTtlMs?: number
  /** How long endpoints are kept when the name has suddenly none. Default 30,000. */
  readonly holdEmptyMs?: number
  /** Where is reported what a person should know. Default: stderr. */
  readonly log?: Log
}

/** The same, read. */
export type DnsSettings = z.output<typeof optionsSchema>

/** @throws MeshError BAD_ENDPOINTS with every problem */
export function readDnsOptions(options: DnsEndpointsOptions): DnsSettings {
  const result = checked(optionsSchema, options)
  if (result.ok) return result.value
  const problems = result.complaints.map(complaintText)
  throw new MeshError({ code: 'BAD_ENDPOINTS', message: `dnsEndpoints: ${problems.join('; ')}` })
}

/** Where a template finds a service; null for a name that it cannot be for. */
export function targetFrom(template: string, service: string): DnsTarget | null {
  if (service.includes('.') || service === 'localhost' || !nameSchema.safeParse(service).success) return null
  const reading = readTarget(template.replaceAll(placeholder, service))
  return typeof reading === 'string' ? null : reading
}

type WrittenTarget =
  | string
  | { readonly name: string; readonly type?: 'A' | 'AAAA' | 'SRV' | undefined; readonly port?: number | undefined }

// A text says its type by its form: the name of SRV records begins with an underscore and has no port.
function readTarget(written: WrittenTarget): DnsTarget | string {
  if (typeof written !== 'string') {
    const { name, type = 'address', port } = written
    if (type === 'SRV' && port !== undefined) return 'an SRV record tells the port; leave `port` out'
    if (type !== 'SRV' && port === undefined) return 'expected a `port`: only SRV records tell it'
    return placed(name, port ?? null, type)
  }
  if (written.startsWith('_') && !written.includes(':')) return placed(written, null, 'SRV')
  const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(written) ?? []
  return name === ''
    ? 'expected a port, such as "inventory.internal:8080"; only the names of SRV records go without'
    : placed(name, Number(port), 'address')
}

function placed(name: string, port: number | null, type: DnsTarget['type']): DnsTarget | string {
  const reading = readAddress(`${name.replace(/\.$/, '')}:${port ?? 1}`)
  if ('problem' in reading) return reading.problem
  const { host } = readHostAndPort(reading.address)
  return isIP(host) === 0
    ? { name: host, type, port: port ?? 0 }
    : `${host} is an IP address, which needs no DNS; name it in staticEndpoints`
}

function readHostAndPort(address: string): DnsServer {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}
