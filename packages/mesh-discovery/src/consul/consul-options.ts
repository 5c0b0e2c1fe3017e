/** What a program says of its Consul, checked whole. */
import { type Log, MeshError } from '@zerohop/mesh-core'
import { checked, complaintText, nameSchema } from '@zerohop/mesh-core/policy'
import { z } from 'zod'

/** Where Consul is and how it is spoken to. */
export interface ConsulAgentOptions {
  /** The HTTP API of an agent, such as `http://127.0.0.1:8500`, or of several: the next one is asked when one fails. Default: that one. */
  readonly address?: string | readonly string[]
  /** An ACL token, or a function that is asked for it before every request. */
  readonly token?: string | (() => string)
  /** Certificates for an `https` address, as PEM texts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  /** Where problems are reported. Default: stderr. */
  readonly log?: Log
}

/** What a program says of the services that it calls. */
export interface ConsulEndpointsOptions extends ConsulAgentOptions {
  /** The services to look up: names that are the same here and there, or a map from the name that callers use to the one in Consul. */
  readonly services: readonly string[] | Readonly<Record<string, string>>
  /** Default: the agent's own. */
  readonly datacenter?: string
  /** Only instances with this tag. */
  readonly tag?: string
  /** Names of the entries of an instance's meta that mean version, zone and weight. Default: those words. The zone may also stand in the node's meta. */
  readonly meta?: { readonly version?: string; readonly zone?: string; readonly weight?: string }
  /** How long a full list is kept against a sudden empty one. Default 30,000 ms. */
  readonly holdEmptyMs?: number
}

/** What a program says of its own entry in Consul. */
export interface ConsulRegistrationOptions extends ConsulAgentOptions {
  /** Tags for whoever reads them; version, zone and weight are written as meta. */
  readonly tags?: readonly string[]
  /** `ttl` (default): this process says every few seconds that it lives. A path such as `/readyz`: the agent asks it there, and must reach it. */
  readonly check?: 'ttl' | { readonly http: string }
  /** After this without a sign of life Consul takes the instance for dead. Default 15,000 ms. */
  readonly ttlMs?: number
  /** What Consul calls it. Default: the name of the mesh's service. */
  readonly name?: string
}

/** What a program says of the identity that Consul Connect issues to it. */
export interface ConnectIdentityOptions extends ConsulAgentOptions {
  /** What Consul calls the service of this process. */
  readonly service: string
}

const expectedAddress = 'expected the origin of an agent, such as "http://127.0.0.1:8500": http or https, a host, a port, and nothing else'

const addressSchema = z.string(expectedAddress).refine((text) => {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
}, expectedAddress)

const text = z.string().min(1, 'expected a text that is not empty').max(256, 'expected at most 256 characters')
const expectedPath = 'expected a path such as "/readyz"'
const expectedCheck = 'expected "ttl", or a map with the path under `http`'
const pem = z.string().max(65_536, 'expected at most 65536 characters')
const isTokenText = (value: unknown): boolean => typeof value === 'string' && /^[\x21-\x7e]{1,4096}$/.test(value)

const milliseconds = (least: number): z.ZodNumber =>
  z
    .number()
    .int('expected whole milliseconds')
    .min(least, `expected ${least} ms at the least`)
    .max(3_600_000, 'expected an hour at the most')

const agentFields = {
  address: z
    .union([addressSchema, z.array(addressSchema).min(1, 'expected at least one address').max(16, 'expected at most 16 addresses')], {
      error: expectedAddress,
    })
    .optional(),
  // A union would show what it was given in its message.
  token: z
    .custom<string | (() => string)>(
      (value) => typeof value === 'function' || isTokenText(value),
      'expected a text of 1 to 4096 visible characters without spaces, or a function that returns one',
    )
    .optional(),
  tls: z.strictObject({ ca: pem.optional(), cert: pem.optional(), key: pem.optional(), servername: text.optional() }).optional(),
  log: z
    .custom<Log>(
      (value) =>
        ['info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown> | null | undefined)?.[level] === 'function'),
      'expected an object with the functions info, warn and error',
    )
    .optional(),
} as const

const endpointsSchema = z.strictObject({
  ...agentFields,
  services: z.union([z.array(nameSchema), z.record(nameSchema, text)], { error: 'expected a list of names, or a map of names' }),
  datacenter: text.optional(),
  tag: text.optional(),
  meta: z.strictObject({ version: text.optional(), zone: text.optional(), weight: text.optional() }).optional(),
  holdEmptyMs: milliseconds(0).optional(),
})

const registrationSchema = z.strictObject({
  ...agentFields,
  tags: z.array(text).max(64, 'expected at most 64 tags').optional(),
  check: z
    .union([z.literal('ttl'), z.strictObject({ http: z.string().regex(/^\/[\x21-\x7e]{0,255}$/, expectedPath) })], { error: expectedCheck })
    .optional(),
  ttlMs: milliseconds(1000).optional(),
  name: text.optional(),
})

const identitySchema = z.strictObject({ ...agentFields, service: nameSchema })

/** @throws MeshError BAD_ENDPOINTS with all problems, unknown keys with a hint */
export function checkEndpointsOptions(options: ConsulEndpointsOptions): void {
  refuseUnless(checked(endpointsSchema, options), 'consulEndpoints')
}

/** @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint */
export function checkRegistrationOptions(options: ConsulRegistrationOptions): void {
  refuseUnless(checked(registrationSchema, options), 'consulRegistration')
}

/** @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint */
export function checkIdentityOptions(options: ConnectIdentityOptions): void {
  refuseUnless(checked(identitySchema, options), 'connectIdentity')
}

function refuseUnless(result: ReturnType<typeof checked>, where: 'consulEndpoints' | 'consulRegistration' | 'connectIdentity'): void {
  if (result.ok) return
  const problems = result.complaints.map(complaintText)
  throw new MeshError({
    code: where === 'consulEndpoints' ? 'BAD_ENDPOINTS' : 'BAD_OPTIONS',
    message: `${where}: ${problems.join('; ')}`,
  })
}
